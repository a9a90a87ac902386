"""``crl replay``: an episode of a learned task, or a mission, as a film, rendered without a display."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from crl.config.declared.agents import kind_of
from crl.errors import CrlError
from crl.reporting.replay.drawing.fields import map_axes
from crl.reporting.replay.film.frames import frames
from crl.reporting.replay.film.pictures import no_pictures
from crl.reporting.replay.film.video_file import Film
from crl.reporting.replay.playing import Shoot, played, record_episode
from crl.reporting.replay.progress import FilmProgress
from crl.reporting.replay.recorded_episode import RecordedEpisode
from crl.reporting.replay.timing import rate
from crl.training.load import LoadedRun, load_run
from crl.training.runs.folder import RunFolder
from crl.types import Told


@dataclass
class Replayed:
    """What a replay left: the film (or a folder of pictures), and what a viewer should know."""

    path: Path
    notes: list[str] = field(default_factory=list)


@dataclass
class Filmed:
    """What filming all tasks of a run left: its films, and why others are not there."""

    paths: list[Path] = field(default_factory=list)
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
        RenderingError: This machine can't render (the message names the packages), or the environment has nothing to
            be shown.
        CrlError: The run has not learned the task, or the file can't be written.
    """
    made = record(_load(folder), task, episode, out)
    for note in made.notes:
        warnings.warn(note, stacklevel=2)
    return made.path


def record_all(folder: Path, progress: FilmProgress | None = None) -> Filmed:
    """Record the first evaluation episode of every task that a run has learned; of missions, the first.

    The run is finished by then: whatever goes wrong costs a film, is noted, and raises nothing.

    Args:
        folder: Run folder.
        progress: Where to show how far it is.
    """
    made = Filmed()
    try:
        run = _load(folder)
        tasks = [0] if kind_of(run.config).flies_missions else run.tasks
    except Exception as error:  # see above
        return Filmed(notes=[_said(error)])
    for number, task in enumerate(tasks, 1):
        if progress is not None:
            progress.film(f"video {number} of {len(tasks)}")
        try:
            replayed = record(run, task, told=None if progress is None else progress.step)
        except Exception as error:  # see above
            made.notes.append(_said(error))
            continue
        made.paths.append(replayed.path)
        made.notes += replayed.notes
    made.notes = list(dict.fromkeys(made.notes))
    return made


def record(run: LoadedRun, task: int, episode: int = 0, out: Path | None = None, told: Told | None = None) -> Replayed:
    """Record an episode of a loaded run, its pictures from after the first step on; see :func:`replay`."""
    _, spec = played(run, task)
    path = out or _place(run.folder.path, spec.name, task, episode, "")
    with Film(path, rate(spec.control_period), blank=False) as sheet:
        made = record_episode(run, task, episode, Shoot(keep=sheet.add, needed=True, told=told), imagine=False)
        if not made.pictured:
            if map_axes(made) is None:
                raise no_pictures(spec.name)
            _draw(sheet, [made], False, told)
        if not sheet.count:
            raise CrlError(f"{spec.name}: the episode has no pictures ({made.fault or 'it ended at once'})")
    return Replayed(sheet.written, sheet.notes)


def film(
    folders: list[Path],
    task: int,
    episode: int = 0,
    out: Path | None = None,
    *,
    overlay: bool = True,
    told: Told | None = None,
) -> Replayed:
    """Record an episode of one run, or the same one of several runs beside each other.

    Where nothing can be rendered, the overlay is shown alone, and a note says why.

    Args:
        folders: Run folders.
        task: Index of the task, or of the mission.
        episode: Which of the paired evaluation episodes.
        out: File to write; in ``videos/`` of the first run by default.
        overlay: Draw what the planner imagined, the action, and the model's error.
        told: Is told of every step.

    Raises:
        RenderingError: Nothing can be rendered, and there is no overlay to be shown instead.
        CrlError: A run has not learned the task, the runs do not fit each other, or the file can't be written.
    """
    if not overlay and len(folders) == 1:
        return record(_load(folders[0]), task, episode, out, told)
    episodes = recorded_episodes_of(folders, task, episode, overlay, told)
    beside = "".join(f"_beside_{folder.name}" for folder in folders[1:])
    more = f"_overlay{beside}" if overlay else beside
    return film_of(
        episodes, out or _place(folders[0], episodes[0].spec.name, task, episode, more), overlay=overlay, told=told
    )


def film_of(episodes: list[RecordedEpisode], path: Path, *, overlay: bool = True, told: Told | None = None) -> Replayed:
    """Film one recorded episode, or several beside each other; see :func:`film`."""
    with Film(path, episodes[0].fps) as sheet:
        _draw(sheet, episodes, overlay, told)
    return Replayed(
        sheet.written, list(dict.fromkeys([*(note for made in episodes for note in made.notes), *sheet.notes]))
    )


def recorded_episodes_of(
    folders: list[Path], task: int, episode: int, overlay: bool = True, told: Told | None = None
) -> list[RecordedEpisode]:
    """Play the same episode of several runs.

    Args:
        folders: Run folders.
        task: Index of the task, or of the mission.
        episode: Which of the paired evaluation episodes.
        overlay: Keep what the planner imagined; and do without pictures, with a note, where none can be rendered.
        told: Is told of every step.

    Raises:
        RenderingError: Nothing can be rendered, and there is no overlay to be shown instead.
        CrlError: A run has not learned the task, or the runs do not fit each other.
    """
    shoot = Shoot(needed=not overlay, told=told)
    episodes = [record_episode(_load(folder), task, episode, shoot, imagine=overlay) for folder in folders]
    for made in episodes:
        if not overlay and not made.pictured and map_axes(made) is None:
            raise no_pictures(made.spec.name)
    check_alike(episodes)
    return episodes


def check_alike(episodes: list[RecordedEpisode]) -> None:
    """Refuse episodes that can't be seen beside each other: they must have one time step.

    Raises:
        CrlError: They have not.
    """
    first = episodes[0]
    for other in episodes[1:]:
        if other.spec.control_period != first.spec.control_period:
            raise CrlError(
                f"{first.title} and {other.title} can't be seen beside each other: their control periods are "
                f"{first.spec.control_period:g} s and {other.spec.control_period:g} s",
                "choose two runs on the same task sequence",
            )


def _draw(sheet: Film, episodes: list[RecordedEpisode], overlay: bool, told: Told | None) -> None:
    count = max(len(made.shown()) for made in episodes)
    for number, picture in enumerate(frames(episodes, overlay), 1):
        sheet.add(picture)
        if told is not None:
            told("drawing", number, count)


def _load(folder: Path) -> LoadedRun:
    run = load_run(folder)
    for problem in run.problems:
        warnings.warn(problem, stacklevel=3)
    return run


def _place(folder: Path, name: str, task: int, episode: int, more: str) -> Path:
    """A film's file: names of tasks may hold what names of files may not."""
    plain = re.sub(r"[^\w.-]+", "_", name)
    return RunFolder(folder).videos / f"{task}_{plain}_{episode}{more}.mp4"


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, CrlError) else f"{type(error).__name__}: {error}"
