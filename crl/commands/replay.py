"""The command ``crl replay``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crl.commands.arguments import Run, err, find_run
from crl.commands.completing import complete_run
from crl.errors import CrlError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(replay)


def replay(
    run: Run,
    beside: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN2", help="A second run, whose same episode is shown beside.", autocompletion=complete_run
        ),
    ] = None,
    *,
    task: Annotated[int, typer.Option(min=0, help="Task (or mission), by its index in the sequence.")],
    episode: Annotated[int, typer.Option(min=0, help="Evaluation episode: which of the paired seeds.")] = 0,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The mp4 to write; in the run's videos/ if omitted.")
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay/--no-overlay", help="Draw plans, actions and the model's error beside it.")
    ] = True,
    live: Annotated[bool, typer.Option("--live", help="Open the simulator's viewer instead; needs a display.")] = False,
    rerun: Annotated[
        Path | None, typer.Option("--rerun", metavar="FILE.rrd", help="Write a recording for Rerun instead.")
    ] = None,
) -> None:
    """Play an episode with what a run has learned and record it as mp4.

    Needs no display. White is what happened, orange what the planner imagined; bars show the planned, the refined and
    the executed action. In a run with missions, --task chooses the mission.
    """
    folders = [find_run(run)] + ([find_run(beside)] if beside is not None else [])
    if live:
        _live(folders, task, episode, out_file, rerun)
        return
    if rerun is not None:
        _rerun(folders, task, episode, rerun)
        return
    from crl.reporting.replay import film

    made = film(folders, task, episode, out_file, overlay=overlay)
    for note in made.notes:
        _note(note)
    typer.echo(str(made.path))


def _live(folders: list[Path], task: int, episode: int, out_file: Path | None, rerun: Path | None) -> None:
    if len(folders) > 1 or out_file is not None or rerun is not None:
        raise CrlError("--live shows one run and writes nothing", "leave out RUN2, --out and --rerun, or --live")
    from crl.reporting.replay_live import live as show
    from crl.training.load import load_run

    done = show(load_run(folders[0]), task, episode)
    typer.echo("success" if done else "no success")


def _rerun(folders: list[Path], task: int, episode: int, path: Path) -> None:
    from crl.reporting.replay import takes_of
    from crl.reporting.replay_rerun import write_rerun

    takes = takes_of(folders, task, episode)
    written = write_rerun(takes, path)
    for made in takes:
        for note in made.notes:
            _note(note)
    typer.echo(str(written))


def _note(text: str) -> None:
    err.print(f"note: {text}", soft_wrap=True, highlight=False, markup=False)
