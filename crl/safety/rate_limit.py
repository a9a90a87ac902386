"""Commands that change no faster than a body may: limits on velocity, acceleration and jerk together."""

from __future__ import annotations

from collections.abc import Sequence

from crl.safety.braking import closing_speed
from crl.safety.limits import Limits


class RateLimiter:
    """Follows a target inside ``low..high`` with limited first and second difference over the real elapsed time.

    With ``a[k] = (v[k] - v[k-1]) / dt[k]`` every step keeps ``low <= v <= high``, ``|a[k]| <= acceleration`` and
    ``|a[k] - a[k-1]| <= jerk * dt[k]``, for any sequence of positive ``dt``. The three can disagree: at full
    acceleration just below ``high`` the jerk limit forbids to stop in time. So a step also keeps
    ``v + a**2 / (2 * jerk) <= high`` for a > 0 (and the mirror image at ``low``). From such a state, lowering a by
    ``jerk * dt`` each step leads to a = 0 before ``high`` whatever the next ``dt`` are, because
    ``a**2 / 2J = b**2 / 2J + b * dt + J * dt**2 / 2`` with ``b = a - J * dt``: there always is a step that keeps all.

    Args:
        limits: Limits of the elements, which are independent of each other.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._value = list(limits.safe)
        self._slope = [0.0] * limits.size

    @property
    def value(self) -> list[float]:
        """The last command, [A]."""
        return list(self._value)

    def restart(self, value: Sequence[float]) -> None:
        """Begin anew at rest: ``value`` [A], inside the limits, was sent past this limiter."""
        self._value = list(value)
        self._slope = [0.0] * len(self._value)

    def step(self, target: Sequence[float], elapsed: float) -> list[float]:
        """The command nearest to ``target`` [A] (finite, inside the limits) that may follow after ``elapsed`` > 0 s."""
        for at, wanted in enumerate(target):
            value, slope, most = self._value[at], self._slope[at], self._limits.acceleration[at]
            jerk, low, high = self._limits.jerk[at], self._limits.low[at], self._limits.high[at]
            # The slope that reaches the target, or from which it can still be reached without going past it.
            way = wanted - value
            best = closing_speed(abs(way), elapsed, jerk) * (1 if way > 0 else -1)
            upper, lower = min(slope + jerk * elapsed, most), max(slope - jerk * elapsed, -most)
            moved = min(max(value + min(max(best, lower), upper) * elapsed, low), high)
            self._slope[at] = (moved - value) / elapsed
            self._value[at] = moved
        return list(self._value)
