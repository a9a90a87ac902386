"""The stream of a life: which regime the body is in at every step, drawn by seed, without an end.

A regime lasts 60 to 120 steps. It is one met before or, while there are any, one not yet met; the first pass is in the
order of the list, so that a life of n regimes has met all of them after about 2 n visits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from crl_envs.missions.errors import MissionError


class RegimeStream:
    """Draws one regime after the other.

    Args:
        count: Number of regimes; the first is the nominal one, in which a life begins.
        lengths: Least and greatest number of steps of a visit.
        fresh: Probability that a visit is one of a regime not yet met, while there are any.

    Raises:
        MissionError: A number is impossible.
    """

    def __init__(self, count: int, lengths: Sequence[int] = (60, 120), fresh: float = 0.5) -> None:
        if count < 1 or len(lengths) != 2 or not 1 <= lengths[0] <= lengths[1] or not 0 < fresh <= 1:
            raise MissionError(
                f"a stream of {count} regimes with visits of {list(lengths)} steps and fresh = {fresh} is impossible",
                "give at least one regime, 1 <= shortest <= longest and 0 < fresh <= 1",
            )
        self.count, self.lengths, self.fresh = count, (int(lengths[0]), int(lengths[1])), fresh
        self.begin(np.random.default_rng(0))

    def begin(self, rng: np.random.Generator) -> None:
        """Begin a life in the nominal regime."""
        self.regime, self.met, self.visits = 0, 1, 1
        self.length = self.left = self._length(rng)

    @property
    def share(self) -> float:
        """Share of the visit that is over, from 0 (inclusive) to 1."""
        return 1 - self.left / self.length

    def _length(self, rng: np.random.Generator) -> int:
        return int(rng.integers(self.lengths[0], self.lengths[1] + 1))

    def advance(self, rng: np.random.Generator) -> None:
        """One step is over: the next may be of another regime."""
        self.left -= 1
        if self.left > 0:
            return
        self.length = self.left = self._length(rng)
        self.visits += 1
        if self.met < self.count and rng.random() < self.fresh:
            self.regime = self.met
            self.met += 1
        elif self.met > 1:
            other = int(rng.integers(self.met - 1))
            self.regime = other + (other >= self.regime)

    def get_state(self) -> dict[str, Any]:
        """What decides how it goes on, beside the generator."""
        return {
            "regime": self.regime,
            "met": self.met,
            "visits": self.visits,
            "left": self.left,
            "length": self.length,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_state` returned."""
        self.regime, self.met, self.visits, self.left = (int(state[k]) for k in ("regime", "met", "visits", "left"))
        self.length = int(state.get("length", self.left))  # streams of before drifts do not say
