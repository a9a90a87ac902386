"""The beat of commands, kept half a period away from the odometry, so that decisions fit in between."""

from __future__ import annotations

import math

MOST = 0.01
"""Share of the period by which one beat may be longer or shorter."""
GAIN = 0.05
"""Share of the distance from the wanted phase that one beat makes up for."""


class Pace:
    """Moves a timer's phase slowly.

    Odometry arrives, a decision is made, a command leaves at the next beat. If the beat came right after the odometry,
    each decision would wait for the beat after it, a whole period; if right before, messages under way would pass each
    other by chance. Half a period is the middle between both.

    Args:
        period: Between two beats (s).
    """

    def __init__(self, period: float) -> None:
        self.period = period
        self._off = 0.0

    def arrived(self, remaining: float) -> None:
        """A message that is decided on has arrived ``remaining`` (s) before the next beat."""
        self._off = math.remainder(remaining - self.period / 2, self.period)

    def next(self) -> float:
        """Length of the coming period (s)."""
        most = MOST * self.period
        # Too much time left: the beat comes too late after the message, so it is brought forward.
        shift = min(max(GAIN * self._off, -most), most)
        self._off -= shift
        return self.period - shift


class Gaps:
    """Counts how regularly something happened.

    Args:
        period: How far apart it should be (s).
    """

    def __init__(self, period: float) -> None:
        self._period = period
        self._last: float | None = None
        self.longest = 0.0
        """Longest gap (s)."""
        self.missed = 0
        """Gaps longer than one and a half periods."""

    def mark(self, now: float) -> None:
        """It happened at ``now`` (s)."""
        if self._last is not None:
            gap = now - self._last
            self.longest = max(self.longest, gap)
            self.missed += gap > 1.5 * self._period
        self._last = now

    def pause(self) -> None:
        """The next gap does not count."""
        self._last = None
