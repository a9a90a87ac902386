"""Episodes of a new task that are acted in by what is known of others, too (``continual.start=recalled``).

A task that resembles a known one needs no random episodes: the known one's model plans better. Which of the known
tasks that is, is inferred from the newest transitions of the episode, step by step (:mod:`crl.memory.recall.labels`).
Once the new task's own model was learned it is one of them, and acts where it predicts as well as the best of the
others; in training, transitions are judged before they are learned from. The same goes for episodes that nothing is
learned from: a model that has seen little fails where the others do not (docs/results/transfer.md).

A task that no known one resembles shows in its first episode: none explains enough of what happened. Then its random
episodes follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crl.config import Config
from crl.learning.knowledge import Knowledge
from crl.memory.recall.labels import TaskInference
from crl.types import Transition

UNLIKE = 0.25
"""Share of the squared changes of the first episode, in deviations, that the best known task may leave unexplained."""


class RecalledTasks:
    """Says by which known task's model a training episode of the current task is acted in.

    Args:
        config: The run's settings; of them ``continual.start`` and ``continual.like``.
        knowledge: Models of tasks.
    """

    def __init__(self, config: Config, knowledge: Knowledge) -> None:
        self._config, self._knowledge = config, knowledge
        self._inference: TaskInference | None = None
        self._beside: dict[int, list[int]] = {}
        self.begin_task()

    def begin_task(self) -> None:
        """Another task is the current one."""
        self._unexplained = 0.0

    @property
    def applies(self) -> bool:
        """Whether the current task is new, and others are known that it may resemble."""
        known = self._knowledge
        if not known.strategy.STARTS_LIKE or self._config.continual.start != "recalled":
            return False
        new = not known.learned_before(known.task) and len(known.normalisers) > 1
        return new and self._unexplained <= UNLIKE

    def begin(self, task: int, *, explore: bool) -> int | None:
        """An episode begins; returns the task to act by, ``None`` for its own one throughout.

        Args:
            task: The task of the episode.
            explore: Whether it is a training episode, of the current task.
        """
        self._inference = None
        if explore:
            self._beside.pop(task, None)
            if self.applies:
                self._beside[task] = self._others(task)
        known, others = self._knowledge, self.beside(task)
        if not others:
            return None
        own = [task] if known.has_learned(task) else []
        self._inference = TaskInference(known, [*others, *own])
        return self._inference.believed

    def beside(self, task: int) -> list[int]:
        """The learned tasks whose models may act in episodes of a task, beside its own."""
        return [other for other in self._beside.get(task, ()) if self._knowledge.has_learned(other)]

    def _others(self, task: int) -> list[int]:
        """The known tasks that may act in a task: all, or the one that it is said to be like."""
        like = self._config.continual.like
        others = [other for other in self._knowledge.normalisers if other != task]
        return [like] if like in others else others

    def rest(self) -> None:
        """Somebody else says which task is in force, until the next episode."""
        self._inference = None

    def update(self, transition: Transition) -> int | None:
        """Take note of a transition; returns the task to act by from now on, ``None`` if nothing is inferred."""
        if self._inference is None:
            return None
        believed = self._inference.update(transition)
        if not self._knowledge.has_learned(self._knowledge.task):
            self._unexplained = self._inference.unexplained
        return believed

    def state_dict(self) -> dict[str, Any]:
        """What the first episode of the current task showed, and who acts in which task."""
        return {
            "unexplained": self._unexplained,
            "beside": {task: list(others) for task, others in self._beside.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned; states of before tasks were recalled have nothing."""
        self._unexplained = float(state.get("unexplained", 0.0))
        self._beside = {int(task): list(others) for task, others in state.get("beside", {}).items()}
