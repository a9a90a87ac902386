"""Learning under the labels that a sequence gives its tasks. Agents with labels of their own override it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crl.training.playing.episode import Observer
from crl.training.playing.learning_inside import LearningInside
from crl.training.playing.unlabelled import Unlabelled
from crl.training.runs.state import RunState
from crl.types import TaskSpec


@dataclass(frozen=True)
class Assignment:
    """The label that a training episode was learned under.

    Attributes:
        label: The label; ``None``: that is left open until the next episode.
        ratios: Residuals that the model of every label leaves of it, as a ratio to those of its own transitions.
        told: What is worth telling.
    """

    label: int | None
    ratios: Mapping[int, float]
    told: str | None

    def values(self) -> dict[str, Any]:
        """What a log says of it."""
        return {"label": self.label, "ratios": {str(label): ratio for label, ratio in self.ratios.items()}}


class Labelling:
    """The labels are told."""

    def about(self) -> list[str]:
        """What is worth telling when a run begins."""
        return []

    def spec(self, task: TaskSpec) -> TaskSpec:
        """A task as the agent is shown it in training."""
        return task

    def number(self, task: TaskSpec, state: RunState) -> int:
        """Number of the next training episode of the label, for the agent's randomness."""
        return state.task_episodes.get(task.index, 0)

    def episodes(self, state: RunState) -> int:
        """Training episodes since the label was taken up."""
        return state.episodes

    def begins(self, state: RunState, random: int) -> bool:
        """Whether the learning session that is due is the first after the random episodes of the label.

        Args:
            state: The run's counters.
            random: Random episodes of a label.
        """
        return state.episodes == random

    def following(self, inside: LearningInside) -> Observer:
        """Who follows the next training episode.

        Args:
            inside: What learns inside of it, if anything does.
        """
        return inside

    def assign(self, task: TaskSpec, state: RunState, close: Callable[[], None]) -> Assignment | None:
        """Give the agent the training episode that has just been played, if it was kept from it.

        Args:
            task: The true task.
            state: The run's counters, with that episode.
            close: Holds a closing session.

        Returns:
            What was judged of it; ``None`` where labels are told.
        """
        del task, state, close
        return None

    def settle(self) -> None:
        """Give the agent what is still kept from it: the run ends."""

    def closes(self, *, last: bool) -> bool:
        """Whether the agent knows that its task ends where a visit does; ``last``: the run ends with it."""
        del last
        return True

    def next_visit(self) -> None:
        """The next task of the order begins."""

    def evaluating(self, task: TaskSpec) -> Unlabelled | None:
        """Who infers the label in evaluation episodes of a task; ``None`` where it is told."""
        del task
        return None

    def results(self) -> dict[str, Any] | None:
        """What is worth telling of labels; ``None`` where they are told."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """What decides about further labels."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
