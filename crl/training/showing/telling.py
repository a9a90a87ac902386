"""What a run says of what it has done, and when it can't go on as it was meant to."""

from __future__ import annotations

from crl.errors import CrlError
from crl.sequences import TaskSequence
from crl.training.playing.episode import EpisodeResult
from crl.training.runs.state import Score
from crl.types import TaskSpec

FAULTS_ALLOWED = 5
"""Training episodes in a row that the simulator may break."""


class SimulatorFailed(CrlError):
    """The simulator broke several training episodes in a row."""


def simulator_failed(
    task: TaskSpec, last: EpisodeResult, position: int, env: str, sequence: TaskSequence
) -> SimulatorFailed:
    """The error of a simulator that breaks every episode.

    Args:
        task: The task.
        last: The last of the episodes.
        position: The task's position in its sequence.
        env: Setting that names the sequence.
        sequence: The sequence.
    """
    return SimulatorFailed(
        f"{task.name}: {FAULTS_ALLOWED} training episodes in a row ended early, "
        f"the last at step {last.steps} because {last.fault}",
        f"`crl check env={env} tasks=[{position}]` tries the environment {sequence.tasks[position].id} (in "
        "Python: crl.checks.check_task_sequence); what was learned before is in the checkpoint",
    )


def only_random(task: TaskSpec, steps: int, random: int) -> str:
    """A visit's steps went to random episodes alone."""
    return (
        f"{task.name}: its {steps} steps went to random episodes alone (exploration.random_episodes={random}, "
        f"{task.episode_steps} steps each): more budget.steps are needed for episodes that follow what was learned"
    )


def evaluated(after: TaskSpec, task: TaskSpec, score: Score) -> list[str]:
    """How a task was evaluated after a visit of another, or the same, one."""
    success = "" if score.success_rate is None else f"success {score.success_rate:.0%}, "
    notes = [f"{task.name}: in its evaluation: {note}" for note in score.notes]
    return [*notes, f"after {after.name}: {task.name} {success}return {score.mean_return:.1f}"]
