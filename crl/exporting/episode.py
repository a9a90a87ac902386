"""Episodes to be exported: every field of their transitions as arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crl.exporting.extra import ExportError
from crl.reporting.replay.playing import Shoot, record_episode
from crl.reporting.replay.recorded_episode import RecordedEpisode
from crl.reporting.replay.recording import episode_of_recording, reader_of
from crl.training.load import LoadedRun
from crl.types import Array, TaskSpec, Transition

Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Episode:
    """An episode of T steps.

    Attributes:
        task: The task.
        seed: Seed of the environment's initial state; ``None`` for a recording.
        observations: All observations, float32 [T + 1, S].
        planned: What the planner chose, float32 [T, A].
        refined: What the refiner made of it, float32 [T, A].
        sent: What passed the command filter and was executed, float32 [T, A].
        rewards: float64 [T].
        terminated: Whether the environment itself ended it, so that nothing comes after.
    """

    task: TaskSpec
    seed: int | None
    observations: Array
    planned: Array
    refined: Array
    sent: Array
    rewards: NDArray[np.float64]
    terminated: bool

    def __len__(self) -> int:
        return len(self.rewards)

    @classmethod
    def of(cls, task: TaskSpec, seed: int | None, steps: Sequence[Transition]) -> Episode:
        """The episode of transitions in order."""
        seen = [step.observation for step in steps] + [steps[-1].next_observation]
        planned, refined, sent = (
            np.stack([np.asarray(part, np.float32) for part in parts])
            for parts in zip(*((step.planned, step.refined, step.executed) for step in steps), strict=True)
        )
        rewards = np.array([step.reward for step in steps], np.float64)
        return cls(task, seed, np.stack(seen), planned, refined, sent, rewards, steps[-1].terminated)


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
