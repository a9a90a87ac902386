"""The command ``crl export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crl.commands.arguments import Trust, err, find_run, say
from crl.commands.completing import complete_run
from crl.errors import CrlError

FORMATS = "minari, lerobot, mcap (episodes); onnx, torch (the learned dynamics)"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(export)


def export(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN|BAG",
            help="A run (its folder, its name in runs/, or `latest`), or a recorded bag.",
            autocompletion=complete_run,
        ),
    ],
    *,
    kind: Annotated[str, typer.Option("--format", help=f"One of {FORMATS}.")],
    task: Annotated[
        int | None, typer.Option(min=0, help="Task (or mission) of a run, by its index in the sequence; runs need it.")
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, max=1_000_000, help="Episodes of a run that are played.")] = 10,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|FOLDER|NAME", help="Where to; for minari the dataset's name, such as mine/slides-v0."
        ),
    ] = None,
    policy: Annotated[
        bool, typer.Option("--policy", help="With onnx: a whole decision of the planner, in place of the dynamics.")
    ] = False,
    robot: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Of a bag: the robot's description, for its limits.")
    ] = None,
    odom: Annotated[str, typer.Option(metavar="TOPIC", help="Of a bag: the odometry, if several robots are in it.")] = (
        "odom"
    ),
    cmd_vel: Annotated[
        str | None, typer.Option("--cmd-vel", metavar="TOPIC", help="Of a bag: the commands, if it is not clear which.")
    ] = None,
    trust: Trust = False,
) -> None:
    """Write transitions or a learned model for other libraries.

    Transitions of a run are those of its evaluation episodes, which are played again, without noise. Each has the
    planned, the refined and the sent action. A model maps observations and actions to next observations; the file is
    read again by its library and compared with the model. A decision (--policy) maps an observation and
    random numbers to an action.
    """
    from crl.exporting.episode import recorded
    from crl.exporting.extra import ExportError
    from crl.exporting.run import Format, default_name, export_episodes, export_model, export_policy, write
    from crl.matching import nearest
    from crl.reporting.replay.recording import reader_of
    from crl.training.load import load_run
    from crl.training.runs.trust import asking

    names = [known.value for known in Format]
    if kind not in names:
        raise ExportError(f"there is no format {kind!r}{nearest(kind, names)}")
    chosen = Format(kind)
    if reader_of(Path(run)) is not None:
        target = out or default_name(chosen, Path(run).resolve().stem, None)
        say(write(recorded(Path(run), robot, odom, cmd_vel), chosen, target, None, Path(run).name))
        return
    folder = find_run(run)
    if task is None:
        raise CrlError("a run has several tasks to be exported", "say which, by its index in the sequence: --task 0")
    with asking(trust):
        loaded = load_run(folder)
        for problem in loaded.problems:
            say(f"note: {problem}")
        target = out or default_name(chosen, folder.name, f"task{task}_policy" if policy else f"task{task}")
        if policy:
            say(export_policy(loaded, task, chosen, Path(target)))
            return
        if chosen.of_model:
            say(export_model(loaded, task, chosen, Path(target)))
            return
        say(export_episodes(loaded, task, episodes, chosen, target, _told))


def _told(done: int, total: int) -> None:
    err.print(f"episode {done} of {total}", highlight=False)
