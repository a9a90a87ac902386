"""The command ``crl learn``."""

from __future__ import annotations

from pathlib import Path

import typer

from crl.commands.arguments import Run, Settings, Trust, find_run, out, say
from crl.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("learn", no_args_is_help=True)(learn)


def learn(run: Run, settings: Settings = None, trust: Trust = False) -> None:
    """Give a finished run more tasks: `crl learn RUN tasks=[5]`, or `env=my_module:TASKS` for a new sequence.

    The run keeps what it knows, and its folder stays as it is: a new folder begins with it. Each new task starts from
    the known one that predicts it best, which also acts at first; `continual.like=2` starts it from task 2,
    `continual.start=nearest` with random episodes, `continual.start=fresh` anew.
    `budget.steps` is that of the new tasks.
    """
    folder = find_run(run)
    env, tasks, others = _parted(list(settings or []))
    from crl.reporting.run_summary import results_table, summary
    from crl.reporting.store.index import note
    from crl.training.growing import grow
    from crl.training.runner import train
    from crl.training.runs.trust import asking

    with asking(trust):
        results = train(grow(folder, env, tasks, others))
    out.print(results_table(results))
    for line in summary(results):
        say(line)
    note(Path(results["run"]))
    say(f"run: {results['run']}")


def _parted(words: list[str]) -> tuple[str | None, list[int] | None, list[str]]:
    """Sequence, tasks, and other settings."""
    from crl.config.asking.request import read_request

    env, tasks, others = None, None, []
    for word in words:
        key = word.partition("=")[0]
        if key in ("env", "env.name"):
            env = read_request([word]).choices["env"]
        elif key in ("tasks", "env.tasks"):
            ((_, tasks),) = read_request([word]).values
            if not isinstance(tasks, list) or any(type(task) is not int for task in tasks):
                raise SettingsError(f"tasks={tasks!r} is no list of numbers", "write for instance tasks=[3,4]")
        else:
            others.append(word)
    return env, tasks, others
