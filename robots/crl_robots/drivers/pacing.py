"""A periodic activity on a steady clock, and what becomes of the periods that were missed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

MOST_BEHIND = 1.0
"""Seconds of missed periods that are made up for; what is missed beyond them is given up."""
SHORTEST_SLEEP = 1e-6
"""Less than this (s) may vanish when it is added to the clock, and the wait would never end."""


class Pacer:
    """Counts the periods that fall due.

    The rule for missed periods: they are all made up for, one after another, at the next call, so that the activity
    keeps pace with the clock; but at most one second of them. What was missed beyond that is given up, and the schedule
    moves on by it.

    Args:
        period: Seconds, in the time of the activity.
        scale: Seconds of the activity per second of the clock.
        monotonic: The steady clock (s).
        sleep: Waits for some seconds of that clock.
    """

    def __init__(
        self,
        period: float,
        scale: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._period, self._scale = period, scale
        self._monotonic, self._sleep = monotonic, sleep
        self._began = monotonic()
        self._next = period
        self.given_up = 0
        """Periods that were missed and not made up for."""
        self.made_up = 0
        """Periods that were missed and made up for."""

    def now(self) -> float:
        """Time of the activity since its beginning (s)."""
        return (self._monotonic() - self._began) * self._scale

    def due(self) -> list[float]:
        """The due times (s) of all periods that have fallen due since the last call, oldest first."""
        count = math.floor((self.now() - self._next) / self._period + 1e-9) + 1
        if count <= 0:
            return []
        most = max(round(MOST_BEHIND / self._period), 1)
        surplus = max(count - most, 0)
        self.given_up += surplus
        self.made_up += min(count, most) - 1
        first = self._next + surplus * self._period
        self._next += count * self._period
        return [first + at * self._period for at in range(count - surplus)]

    def wait(self, timeout: float) -> list[float]:
        """As :meth:`due`, waiting for up to ``timeout`` (s, in the time of the activity) for a period to fall due."""
        end = self.now() + timeout
        while not (times := self.due()):
            left = min(self._next, end) - self.now()
            if self.now() >= end:
                return []
            self._sleep(max(left / self._scale, SHORTEST_SLEEP))
        return times
