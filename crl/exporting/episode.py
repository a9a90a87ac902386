"""Episodes to be exported: those that a run plays, or a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crl.exporting.extra import ExportError
from crl.reporting.replay.playing import Shoot, record_episode
from crl.reporting.replay.recorded_episode import RecordedEpisode
from crl.reporting.replay.recording import episode_of_recording, reader_of
from crl.training.data.episode import Episode
from crl.training.load import LoadedRun

Told = Callable[[int, int], None]


def play(run: LoadedRun, task: int, count: int, told: Told = lambda done, total: None) -> list[Episode]:
    """Play evaluation episodes of a task (or of a mission) with what a run has learned.

    The seeds are those of its results; nothing is learned, but for what a mission learns as it goes.

    Args:
        run: The run.
        task: Index of the task in its sequence, or of the mission.
        count: Episodes.
        told: Called after every episode with the number of those that are done, and of all.

    Raises:
        ExportError: The environment broke before the first step of an episode.
        CrlError: The run has not learned the task.
    """
    found = []
    for index in range(count):
        found.append(_whole(record_episode(run, task, index, Shoot(pictures=False), imagine=False)))
        told(index + 1, count)
    return found


def recorded(path: Path, robot: str | None = None, odom: str = "odom", cmd_vel: str | None = None) -> list[Episode]:
    """A robot's recording as one episode; what was sent stands for all three actions, which it does not tell apart.

    Args:
        path: The bag.
        robot: Name or file of the robot's description.
        odom: Topic of the odometry.
        cmd_vel: Topic of the commands; ``None``: the one that goes with the odometry.

    Raises:
        ExportError: Nobody can read it.
        CrlError: It is damaged, or too short.
    """
    reader = reader_of(path)
    if reader is None:
        raise ExportError(f"{path} is neither a run nor a recording that can be read", "give a run or a bag")
    return [_whole(episode_of_recording(path, reader, robot, odom, cmd_vel))]


def _whole(made: RecordedEpisode) -> Episode:
    steps = [moment.transition for moment in made.moments if moment.transition is not None]
    if not steps:
        raise ExportError(f"{made.title}: no step of the episode was sound: {made.fault or 'it has none'}")
    return Episode.of(made.spec, None if made.recorded else made.seed, steps)
