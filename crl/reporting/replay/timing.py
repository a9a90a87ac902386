"""When a film shows a picture: at most so often that motion looks smooth, in real time."""

from __future__ import annotations

PERIOD = 0.04
"""Time between two pictures of a film (s), about: more of them cost more than they show."""


def stride(control_period: float) -> int:
    """Control steps between two pictures, such that there are about 25 pictures per second at most."""
    return max(1, round(PERIOD / control_period))


def rate(control_period: float) -> int:
    """Pictures per second of real time, at least 1."""
    return max(1, round(1 / (control_period * stride(control_period))))
