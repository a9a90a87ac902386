"""Training episodes of a new task that are acted in by what is known of others (``continual.start=recalled``).

A task that resembles a known one needs no random episodes: the known one's model plans better. Which of the known
tasks that is, is inferred from the newest transitions of the episode, step by step (:mod:`crl.memory.recall.labels`).
Once the new task's own model was learned it is one of them, and acts where it predicts as well as the best of the
others; transitions are judged before they are learned from.

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

    def begin(self, *, explore: bool) -> int | None:
        """An episode begins; returns the task to act by, ``None`` for the current one throughout.

        Args:
            explore: Whether it is a training episode; others are never acted in by another task.
        """
        self._inference = None
        if not explore or not self.applies:
            return None
        known, like = self._knowledge, self._config.continual.like
        others = [task for task in known.normalisers if task != known.task]
        if like in others:
            others = [like]
        own = [known.task] if known.has_learned(known.task) else []
        self._inference = TaskInference(known, [*others, *own])
        return self._inference.believed

    def update(self, transition: Transition) -> int | None:
        """Take note of a transition; returns the task to act by from now on, ``None`` if nothing is inferred."""
        if self._inference is None:
            return None
        believed = self._inference.update(transition)
        if not self._knowledge.has_learned(self._knowledge.task):
            self._unexplained = self._inference.unexplained
        return believed

    def state_dict(self) -> dict[str, float]:
        """What the first episode of the current task showed."""
        return {"unexplained": self._unexplained}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned; states of before tasks were recalled have nothing."""
        self._unexplained = float(state.get("unexplained", 0.0))
