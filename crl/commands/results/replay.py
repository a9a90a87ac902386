"""The command ``crl replay``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crl.commands.arguments import Trust, err, find_run, say
from crl.commands.completing import complete_run
from crl.errors import CrlError

if TYPE_CHECKING:
    from crl.reporting.replay.filming import Replayed
    from crl.reporting.replay.progress import FilmProgress
    from crl.reporting.replay.recorded_episode import RecordedEpisode

_RUN = "A run (its folder, its name in runs/, or `latest`), or a recorded bag: a .mcap file, or a folder of them."


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(replay)


def replay(
    run: Annotated[str, typer.Argument(metavar="RUN|BAG", help=_RUN, autocompletion=complete_run)],
    beside: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN2|BAG2", help="A second one, whose same episode is shown beside.", autocompletion=complete_run
        ),
    ] = None,
    *,
    task: Annotated[
        int | None, typer.Option(min=0, help="Task (or mission) of a run, by its index in the sequence; runs need it.")
    ] = None,
    episode: Annotated[int, typer.Option(min=0, help="Evaluation episode: which of the paired seeds.")] = 0,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="The mp4 to write; in the run's videos/, or by the bag, if omitted."
        ),
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay/--no-overlay", help="Draw plans, actions and the model's error beside it.")
    ] = True,
    live: Annotated[bool, typer.Option("--live", help="Open the simulator's viewer instead; needs a display.")] = False,
    rerun: Annotated[
        Path | None, typer.Option("--rerun", metavar="FILE.rrd", help="Write a recording for Rerun instead.")
    ] = None,
    robot: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Of a bag: the robot's description, for its limits and time-outs."),
    ] = None,
    odom: Annotated[str, typer.Option(metavar="TOPIC", help="Of a bag: the odometry, if several robots are in it.")] = (
        "odom"
    ),
    cmd_vel: Annotated[
        str | None, typer.Option("--cmd-vel", metavar="TOPIC", help="Of a bag: the commands, if it is not clear which.")
    ] = None,
    trust: Trust = False,
) -> None:
    """Play an episode with what a run has learned, or a robot's recording, and record it as mp4.

    Needs no display. White is what happened, orange what the planner imagined; bars show the planned, the refined and
    the executed action. In a run with missions, --task chooses the mission. Of a bag: the path and the plan from
    above, the commands, and in red why the robot was stopped.
    """
    from crl.reporting.replay.recording import reader_of
    from crl.training.runs.trust import asking

    named = [name for name in (run, beside) if name is not None]
    readers = [reader_of(Path(name)) for name in named]
    folders = [find_run(name) for name, reader in zip(named, readers, strict=True) if reader is None]
    bags = [(Path(name), reader) for name, reader in zip(named, readers, strict=True) if reader is not None]
    if folders and task is None:
        raise CrlError("a run has several tasks to be replayed", "say which, by its index in the sequence: --task 0")
    with asking(trust):
        if live:
            _live(folders, bool(bags), task or 0, episode, out_file, rerun)
        elif bags:
            from crl.reporting.replay.recording import episode_of_recording, film_path

            episodes = [episode_of_recording(path, reader, robot, odom, cmd_vel) for path, reader in bags]
            _recorded(episodes, folders, task or 0, episode, out_file or film_path(bags[0][0]), rerun, overlay)
        elif rerun is not None:
            from crl.reporting.replay.filming import recorded_episodes_of

            with _progress() as shown:
                episodes = recorded_episodes_of(folders, task or 0, episode, told=shown.step)
            _rerun(episodes, rerun)
        else:
            from crl.reporting.replay.filming import film

            with _progress() as shown:
                made = film(folders, task or 0, episode, out_file, overlay=overlay, told=shown.step)
            _tell(made)


def _live(
    folders: list[Path], recorded: bool, task: int, episode: int, out_file: Path | None, rerun: Path | None
) -> None:
    if recorded:
        raise CrlError("a recording has no simulator to open", "leave out --live: its film needs no display")
    if len(folders) > 1 or out_file is not None or rerun is not None:
        raise CrlError("--live shows one run and writes nothing", "leave out RUN2, --out and --rerun, or --live")
    from crl.reporting.replay.live import live as show
    from crl.training.load import load_run

    done = show(load_run(folders[0]), task, episode)
    typer.echo("success" if done else "no success")


def _recorded(
    episodes: list[RecordedEpisode],
    folders: list[Path],
    task: int,
    episode: int,
    out: Path,
    rerun: Path | None,
    overlay: bool,
) -> None:
    """Recordings, and a run beside one; the recording is on the left."""
    from crl.reporting.replay.filming import check_alike, film_of, recorded_episodes_of

    with _progress() as shown:
        episodes += recorded_episodes_of(folders, task, episode, overlay, shown.step) if folders else []
    check_alike(episodes)
    if rerun is not None:
        _rerun(episodes, rerun)
        return
    with _progress() as shown:
        made = film_of(episodes, out, overlay=overlay, told=shown.step)
    _tell(made)


def _rerun(episodes: list[RecordedEpisode], path: Path) -> None:
    from crl.reporting.replay.rerun import write_rerun

    written = write_rerun(episodes, path)
    for made in episodes:
        for note in made.notes:
            _note(note)
    say(str(written))


def _progress() -> FilmProgress:
    """How far a film is, beside what the command prints for others to read."""
    from crl.reporting.replay.progress import FilmProgress

    return FilmProgress(err)


def _tell(made: Replayed) -> None:
    for note in made.notes:
        _note(note)
    say(str(made.path))


def _note(text: str) -> None:
    err.print(f"note: {text}", soft_wrap=True, highlight=False)
