"""Training episodes of a new task that are acted in by what is known of others (``continual.start=recalled``).

A task that resembles a known one needs no random episodes: the known one's model plans better. Which of the known
tasks that is, is inferred from the newest transitions of the episode, step by step (:mod:`crl.memory.recall.labels`).
Once the new task's own model was learned it is one of them, and acts where it predicts as well as the best of the
others; transitions are judged before they are learned from.
"""

from __future__ import annotations

from crl.config import Config
from crl.learning.knowledge import Knowledge
from crl.memory.recall.labels import TaskInference
from crl.types import Transition


class RecalledTasks:
    """Says by which known task's model a training episode of the current task is acted in.

    Args:
        config: The run's settings; of them ``continual.start`` and ``continual.like``.
        knowledge: Models of tasks.
    """

    def __init__(self, config: Config, knowledge: Knowledge) -> None:
        self._config, self._knowledge = config, knowledge
        self._inference: TaskInference | None = None

    @property
    def applies(self) -> bool:
        """Whether the current task is new, and others are known that it may resemble."""
        known = self._knowledge
        recalls = self._config.continual.start == "recalled" and known.strategy.STARTS_LIKE
        return recalls and not known.learned_before(known.task) and len(known.normalisers) > 1

    def begin(self) -> int | None:
        """A training episode begins; returns the task to act by, ``None`` for the current one throughout."""
        self._inference = None
        if not self.applies:
            return None
        known, like = self._knowledge, self._config.continual.like
        others = [task for task in known.normalisers if task != known.task]
        if like in others:
            others = [like]
        own = [known.task] if known.has_learned(known.task) else []
        self._inference = TaskInference(known, [*others, *own])
        return self._inference.believed

    def end(self) -> None:
        """The next episode is no training episode."""
        self._inference = None

    def update(self, transition: Transition) -> int | None:
        """Take note of a transition; returns the task to act by from now on, ``None`` if nothing is inferred."""
        return None if self._inference is None else self._inference.update(transition)
