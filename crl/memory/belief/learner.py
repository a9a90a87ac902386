"""Who takes the learning steps of a memory: this process, or another one (:mod:`crl.memory.beside`)."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from crl.memory.models.memory import Memory
from crl.memory.models.steps import Steps


class Learner(ABC):
    """Takes learning steps; nothing here waits for another process."""

    @abstractmethod
    def collect(self, memory: Memory) -> float | None:
        """Put into a memory what was learned elsewhere since; returns the loss, ``None`` if there is nothing."""

    @abstractmethod
    def ready(self, count: int) -> int:
        """How many learning steps may be asked for now, where ``count`` more are due; 0: none, it is at work."""

    @abstractmethod
    def learn(self, memory: Memory, regime: int, steps: Steps, count: int, generator: torch.Generator) -> float | None:
        """Take ``count`` learning steps, or have them taken; see :meth:`crl.memory.models.memory.Memory.learn`.

        Returns:
            The loss; ``None`` if no step was taken, or the result comes later (:meth:`collect`).
        """


class InlineLearner(Learner):
    """Learns at once, in this process: what is learned, and when, is the same in every run."""

    def collect(self, memory: Memory) -> float | None:
        """Nothing is learned elsewhere."""
        del memory
        return None

    def ready(self, count: int) -> int:
        """As many as are due."""
        return count

    def learn(self, memory: Memory, regime: int, steps: Steps, count: int, generator: torch.Generator) -> float | None:
        """Take the steps."""
        return memory.learn(regime, steps, count, generator)


INLINE = InlineLearner()
"""The one that everybody begins with."""
