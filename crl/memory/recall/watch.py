"""The watch over the regime in force: one CUSUM of the likelihood ratio for every other known regime, and for none.

For a change to a known regime this is the quickest test (Moustakides 1986), and the mean time between false alarms of
one is at least e^h steps (Lorden 1971). The last sum, of "none of them", watches for what is not known. Steps that say
nothing do not count: a robot that waits keeps its regime.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

THRESHOLD = math.log(1e5)
"""Level h of an alarm (nats)."""
LEAST = 2
"""Steps that an alarm takes at least."""
NONE = -1
"""The alternative "none of the known regimes"."""


@dataclass(frozen=True)
class Alarm:
    """A regime explains the newest transitions better than the one in force.

    Attributes:
        regime: Which; :data:`NONE` if only the one in force explains them no longer.
        steps: Informative steps since its sum left zero.
        since: Step at which it left zero.
    """

    regime: int
    steps: int
    since: int


class Watch:
    """The sums, by regime.

    Args:
        threshold: Level of an alarm (nats).
        least: Steps that an alarm takes at least.
    """

    def __init__(self, threshold: float = THRESHOLD, least: int = LEAST) -> None:
        self._threshold = threshold
        self._cap = threshold / least * (1 + 1e-9)
        self._sums: dict[int, tuple[float, int, int]] = {}

    def reset(self, regime: int | None = None) -> None:
        """Start again at zero: one sum, or all."""
        if regime is None:
            self._sums.clear()
        else:
            self._sums.pop(regime, None)

    @property
    def since(self) -> int | None:
        """The earliest step at which a sum that is not zero left it; ``None``: nothing is suspected."""
        return min((since for _, _, since in self._sums.values()), default=None)

    def level(self, regime: int) -> float:
        """Level of a regime's sum (nats)."""
        return self._sums.get(regime, (0.0, 0, 0))[0]

    def update(self, now: int, others: Sequence[tuple[int, float]], in_force: float) -> Alarm | None:
        """Add one informative step; returns the alarm of the highest sum at its threshold.

        Args:
            now: Number of the step.
            others: Regimes (and :data:`NONE`) with the log-likelihood of the step under each.
            in_force: That under the regime in force.
        """
        found: Alarm | None = None
        highest = self._threshold
        sums: dict[int, tuple[float, int, int]] = {}
        for regime, likelihood in others:
            level, steps, since = self._sums.get(regime, (0.0, 0, now))
            level += min(likelihood - in_force, self._cap)
            if not level > 0:  # what is not a number is no evidence
                continue
            sums[regime] = (level, steps + 1, since)
            if level >= highest:
                found, highest = Alarm(regime, steps + 1, since), level
        self._sums = sums
        return found

    def state_dict(self) -> dict[str, Any]:
        """The sums, as plain data."""
        return {"sums": [[regime, *values] for regime, values in self._sums.items()]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._sums = {int(r): (float(level), int(steps), int(since)) for r, level, steps, since in state["sums"]}
