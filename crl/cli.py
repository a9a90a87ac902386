"""The command ``crl``: one sub-command per verb a user knows.

Commands import what they need when they run, so that ``crl --help`` does not wait for torch.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from crl.commands import config, distil, forget, formal, learn, live, merge, salvage, sweep
from crl.commands.arguments import Run, Settings, Trust, err, find_run, out, say
from crl.commands.checking import bench, check, doctor, tune_planner, verify_resume
from crl.commands.missions import confirm, deploy, eval_missions, fit_flow
from crl.commands.results import cite, export, replay, report, runs
from crl.commands.results.films import record_videos
from crl.errors import CrlError, Interrupted
from crl.reporting.run_summary import results_table, run_missions_table, sequences_table, summary
from crl.terminal import speak_plainly
from crl.text import printable
from crl.version import __version__

if TYPE_CHECKING:
    from crl.config import Config

USER_ERROR = 2
SUMMARY = "Continual robot learning: one task after another, without forgetting."
FIRST_STEPS = (
    "Begin with crl doctor, which says what works here; then crl train env=cartpole_length, crl replay latest --task 0 "
    "and crl report runs. Settings are written KEY=VALUE: crl envs lists the task sequences, crl config every setting."
)
INTERRUPTED = 130
"""Exit code of a program that SIGINT ended, by the shells' convention."""


OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""Words of PyTorch's errors, which are no MemoryErrors."""
SMALLER = (
    "ask for less: fewer planner.samples, smaller networks (dynamics.hidden, agent.hidden), a smaller "
    "agent.buffer; what was learned before is in the last checkpoint"
)


class _CleanErrors(TyperGroup):
    """Prints the package's own errors as one message; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Interrupted as stop:
            _print_error(stop, "")
            raise typer.Exit(INTERRUPTED) from stop
        except CrlError as error:
            _print_error(error, "error: ")
            raise typer.Exit(USER_ERROR) from error
        except KeyboardInterrupt as stop:
            err.print("stopped")
            raise typer.Exit(INTERRUPTED) from stop
        except Exception as error:
            told = _of_the_machine(error)
            if told is None:
                raise
            _print_error(told, "error: ")
            raise typer.Exit(USER_ERROR) from error


def _of_the_machine(error: Exception) -> CrlError | None:
    """What to say of an error that has its cause in memory or disk; ``None``: it is a bug."""
    if isinstance(error, MemoryError) or any(word in str(error) for word in OUT_OF_MEMORY):
        said = (str(error).strip().splitlines() or ["no more can be had"])[0]
        return CrlError(f"out of memory: {said}", SMALLER)
    from crl.training.files.disk_errors import disk_error

    return disk_error(error)


app = typer.Typer(
    cls=_CleanErrors,
    help=f"{SUMMARY}\n\n{FIRST_STEPS}",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",  # joins the lines of a paragraph
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Answer what concerns the program as a whole."""
    if version:
        typer.echo(f"crl {__version__}")
        raise typer.Exit


@app.command(no_args_is_help=True)
def train(settings: Settings = None, trust: Trust = False) -> None:
    """Learn a sequence of tasks, evaluate all of them, and leave a run folder.

    Name at least the sequence: `crl train env=cartpole_length`.

    Ctrl-C saves and prints the command that goes on.
    `resume=true` continues the newest unfinished run that has the same settings.
    """
    config = _compose(settings)
    from crl.training.runner import train as run
    from crl.training.runs.trust import asking

    with asking(trust):  # agent=frozen plays a run
        _report(run(config), config)


@app.command()
def resume(run: Run, trust: Trust = False) -> None:
    """Continue an unfinished run, with its own settings, from its last checkpoint."""
    folder = find_run(run)
    from crl.training.runner import resume as go_on
    from crl.training.runs.folder import RunFolder
    from crl.training.runs.settings import read_settings
    from crl.training.runs.trust import asking

    with asking(trust):
        _report(go_on(folder), read_settings(RunFolder(folder))[0])


@app.command("eval")
def evaluate(
    run: Run,
    episodes: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Episodes per task; the run's own if omitted.")
    ] = None,
    task: Annotated[int | None, typer.Option(min=0, help="Only this task, by its index in the sequence.")] = None,
    labels: Annotated[
        str, typer.Option(help="told, or none: the agent infers which task it is in.", metavar="told|none")
    ] = "told",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    trust: Trust = False,
) -> None:
    """Evaluate a run's newest checkpoint, without noise and without learning."""
    folder = find_run(run)
    from crl.training.load import evaluate_run
    from crl.training.runs.trust import asking

    with asking(trust):
        results = evaluate_run(folder, episodes, task, err, labels)
    if as_json:
        typer.echo(json.dumps(results, indent=2))
        return
    for problem in results.get("problems", []):
        say(f"note: {problem}")
    out.print(results_table(results))


@app.command()
def envs(
    name: Annotated[
        str | None, typer.Argument(metavar="ENV", help="Only this one, with all of its tasks, however many.")
    ] = None,
) -> None:
    """List the task sequences and their tasks."""
    from crl.sequences import SequenceError, available, load_sequence

    if name is not None:
        sequence = load_sequence(name)
        tasks = [(entry.name, entry.id) for entry in sequence.tasks]
        out.print(sequences_table([(name, sequence.description, tasks)], most=None))
        return
    rows = []
    for known, description in available().items():
        try:
            tasks = [(entry.name, entry.id) for entry in load_sequence(known).tasks]
        except SequenceError:  # `available` says why in the description
            tasks = []
        rows.append((known, description, tasks))
    out.print(sequences_table(rows))


for command in (
    bench,
    check,
    cite,
    config,
    deploy,
    distil,
    doctor,
    confirm,
    eval_missions,
    export,
    fit_flow,
    forget,
    formal,
    learn,
    live,
    merge,
    replay,
    report,
    runs,
    salvage,
    sweep,
    tune_planner,
    verify_resume,
):
    command.register(app)


def main() -> None:
    """Entry point of the command ``crl``. Modules in the current folder are found, as by ``python -m``, but last."""
    speak_plainly()
    warnings.showwarning = _show_warning
    if not {"", str(Path.cwd())} & set(sys.path):
        sys.path.append(str(Path.cwd()))
    sys.argv[1:] = [_at_home(word) for word in sys.argv[1:]]
    app()


def _at_home(word: str) -> str:
    """An option such as ``--out=~/x`` with the home folder in it, which no shell puts there behind a ``=``."""
    name, equals, value = word.partition("=")
    if not (name.startswith("--") and equals and value.startswith("~")):
        return word
    return f"{name}={os.path.expanduser(value)}"  # noqa: PTH111 (a Path raises where there is no such user)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """What a user should know is one line; warnings for programmers keep their place in the code."""
    with suppress(OSError, ValueError):
        if issubclass(category, UserWarning):
            _print_error(str(message), "warning: ")
        else:
            (file or sys.stderr).write(printable(warnings.formatwarning(message, category, filename, lineno, line)))


def _compose(settings: list[str] | None) -> Config:
    from crl.config.asking.composing import compose, given_keys
    from crl.config.asking.plugins import check_options

    config = compose(settings or [])
    check_options(config, given_keys(settings or []))
    return config


def _report(results: dict[str, Any], config: Config) -> None:
    """Show a run's results beside those recorded, record a video of each task, and bring the run into the index."""
    from crl.reporting.recorded_range import compared
    from crl.reporting.store.index import note

    out.print(results_table(results))
    missions = run_missions_table(results)
    if missions is not None:
        out.print(missions)
    for line in [*summary(results), *compared(results, config)]:
        say(line)
    folder = Path(results["run"])
    if config.videos:
        record_videos(folder)
    note(folder)
    say(f"run: {folder}")


def _print_error(error: CrlError | str, prefix: str) -> None:
    """Print to stderr, as :func:`~crl.commands.arguments.say` does."""
    err.print(f"{prefix}{error}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    main()
