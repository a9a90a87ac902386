"""Learning inside of training episodes, every so many steps (``learning.every``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crl.training.playing.episode import Observer
from crl.types import Transition


class LearningInside(Observer):
    """Has a session held every so many steps of an episode, but not after the last one: the loop learns there.

    Args:
        learn: Learns as much as a number of environment steps calls for.
        every: Steps between two sessions; 0: none.

    Attributes:
        learned: Environment steps that were learned from inside the episode.
    """

    def __init__(self, learn: Callable[[int], None], every: int) -> None:
        self._learn = learn
        self._every = every
        self._steps = 0
        self.learned = 0

    def step(self, transition: Transition, info: Mapping[str, Any]) -> None:
        """Count a step, and have a session held if it is due."""
        del info
        self._steps += 1
        if self._every and self._steps % self._every == 0 and not transition.last:
            self._learn(self._every)
            self.learned += self._every
