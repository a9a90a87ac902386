"""Watchdogs: something that must happen again and again, and the clock that says whether it did."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from crl.safety.strangers import attempt

STANDSTILL = 10
"""Calls in a row without the clock advancing from which it counts as stopped."""


def stale(when: float, now: float, limit: float) -> bool:
    """Whether ``when`` (s) is more than ``limit`` before ``now``, or after it: the future proves nothing."""
    return not 0 <= now - when <= limit


class SteadyClock:
    """Reads a clock that should be steady, and says when it is not.

    Args:
        clock: Seconds from any origin; ``time.monotonic`` on a robot. Never the time of a simulation or the wall clock.
    """

    def __init__(self, clock: Callable[[], Any]) -> None:
        self._clock = clock
        self._still = 0
        self.now = math.nan
        """What the clock said last and can be believed (s)."""

    def read(self) -> float:
        """The time (s) without judging it; NaN if it is no finite number."""
        now = attempt(lambda: float(self._clock()))
        return now if now is not None and math.isfinite(now) else math.nan

    def tick(self) -> str | None:
        """Read the clock into :attr:`now`; return what is wrong with it.

        A clock that went back is wrong once and then believed again: what was received before is then in its future,
        which counts as stale.
        """
        now, last = self.read(), self.now
        if math.isnan(now):
            return "a clock that gives no time"
        self.now = now
        self._still = self._still + 1 if now == last else 0
        if now < last:
            return "a clock that went back"
        return "a clock that stands still" if self._still >= STANDSTILL else None
