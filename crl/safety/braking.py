"""How fast one may go towards something and still stop in front of it."""

from __future__ import annotations

import math


def closing_speed(distance: float, delay: float, deceleration: float) -> float:
    """Greatest speed v >= 0 with ``v * delay + v**2 / (2 * deceleration) <= distance``; 0 if nothing is left.

    The same equation one derivative higher limits the jerk.

    Args:
        distance: What is left (m); negative counts as 0.
        delay: Time until braking begins (s), at least 0.
        deceleration: Of the braking (m/s²), positive.
    """
    if distance <= 0:
        return 0.0
    if math.isinf(distance):
        return math.inf
    # The root of the quadratic in the form that does not subtract nearly equal numbers.
    return 2 * distance / (delay + math.sqrt(delay * delay + 2 * distance / deceleration))
