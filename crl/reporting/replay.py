"""``crl replay``: an episode of a learned task, or a mission, as a film, rendered without a display."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path

from crl.errors import CrlError, RenderingError
from crl.reporting.replay_film import Film
from crl.reporting.replay_frames import frames
from crl.reporting.replay_take import Take, decompress, take, without_pictures
from crl.training.load import LoadedRun, load_run
from crl.training.run_folder import RunFolder


@dataclass
class Replayed:
    """What a replay left: the film (or a folder of pictures), and what a viewer should know."""

    path: Path
    notes: list[str] = field(default_factory=list)


def replay(folder: Path, task: int, episode: int = 0, out: Path | None = None) -> Path:
    """Record an evaluation episode of a task, without anything drawn over it.

    Args:
        folder: Run folder.
        task: Index of the task in its sequence; of the mission, in a run with missions.
        episode: Which of the paired evaluation episodes.
        out: File to write; ``videos/TASK_EPISODE.mp4`` in the run's folder by default.

    Returns:
        The file.

    Raises:
        RenderingError: This machine can't render; the message names the packages.
        CrlError: The run has not learned the task, or the file can't be written.
    """
    return record(_load(folder), task, episode, out)


def record_all(folder: Path) -> list[Path]:
    """Record the first evaluation episode of every task that a run has learned; of missions, the first."""
    run = _load(folder)
    if run.config.refiner.name != "off":
        return [record(run, 0)]
    return [record(run, task) for task in run.tasks]


def record(run: LoadedRun, task: int, episode: int = 0, out: Path | None = None) -> Path:
    """Record an episode of a loaded run; see :func:`replay`."""
    made = take(run, task, episode, imagine=False)
    return _write(made, out or _place(run.folder.path, made, task, ""))


def film(
    folders: list[Path], task: int, episode: int = 0, out: Path | None = None, *, overlay: bool = True
) -> Replayed:
    """Record an episode of one run, or the same one of several runs beside each other.

    Where this machine can't render, the overlay is shown alone, and a note says why.

    Args:
        folders: Run folders.
        task: Index of the task, or of the mission.
        episode: Which of the paired evaluation episodes.
        out: File to write; in ``videos/`` of the first run by default.
        overlay: Draw what the planner imagined, the action, and the model's error.

    Raises:
        RenderingError: This machine can't render, and there is no overlay to be shown instead.
        CrlError: A run has not learned the task, the runs do not fit each other, or the file can't be written.
    """
    takes = takes_of(folders, task, episode, overlay)
    beside = "".join(f"_beside_{folder.name}" for folder in folders[1:])
    path = out or _place(folders[0], takes[0], task, f"_overlay{beside}" if overlay else beside)
    return film_of(takes, path, overlay=overlay)


def film_of(takes: list[Take], path: Path, *, overlay: bool = True) -> Replayed:
    """Film one take, or several beside each other; see :func:`film`."""
    notes = [note for made in takes for note in made.notes]
    if not overlay and len(takes) == 1:
        return Replayed(_write(takes[0], path), notes)
    with Film(path, takes[0].fps) as sheet:
        for picture in frames(takes, overlay):
            sheet.add(picture)
    return Replayed(sheet.written, [*dict.fromkeys(notes), *([sheet.note] if sheet.note else [])])


def takes_of(folders: list[Path], task: int, episode: int, overlay: bool = True) -> list[Take]:
    """Play the same episode of several runs.

    Args:
        folders: Run folders.
        task: Index of the task, or of the mission.
        episode: Which of the paired evaluation episodes.
        overlay: Keep what the planner imagined; and do without pictures, with a note, where none can be rendered.

    Raises:
        RenderingError: This machine can't render, and there is no overlay to be shown instead.
        CrlError: A run has not learned the task, or the runs do not fit each other.
    """
    takes = [_take(_load(folder), task, episode, overlay) for folder in folders]
    check_alike(takes)
    return takes


def check_alike(takes: list[Take]) -> None:
    """Refuse episodes that can't be seen beside each other: they must have one time step.

    Raises:
        CrlError: They have not.
    """
    first = takes[0]
    for other in takes[1:]:
        if other.spec.control_period != first.spec.control_period:
            raise CrlError(
                f"{first.title} and {other.title} can't be seen beside each other: their control periods are "
                f"{first.spec.control_period:g} s and {other.spec.control_period:g} s",
                "choose two runs on the same task sequence",
            )


def _take(run: LoadedRun, task: int, episode: int, overlay: bool) -> Take:
    try:
        return take(run, task, episode, imagine=overlay)
    except RenderingError as error:
        if not overlay:
            raise
        return without_pictures(take(run, task, episode, pictures=False), str(error))


def _load(folder: Path) -> LoadedRun:
    run = load_run(folder)
    for problem in run.problems:
        warnings.warn(problem, stacklevel=3)
    return run


def _place(folder: Path, made: Take, task: int, more: str) -> Path:
    return RunFolder(folder).videos / f"{task}_{made.spec.name}_{made.episode}{more}.mp4"


def _write(made: Take, path: Path) -> Path:
    """The pictures alone, from after the first step on; a map where the environment has none."""
    if made.moments[0].jpeg is None:
        with Film(path, made.fps) as sheet:
            for picture in frames([made], overlay=False):
                sheet.add(picture)
        return sheet.written
    jpegs = [moment.jpeg for moment in made.moments[1:]] + [made.last_jpeg]
    with Film(path, made.fps) as sheet:
        for jpeg in jpegs:
            if jpeg is not None:
                sheet.add(decompress(jpeg))
    if sheet.note is not None:
        warnings.warn(sheet.note, stacklevel=3)
    return sheet.written
