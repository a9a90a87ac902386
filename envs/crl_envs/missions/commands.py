"""What can happen to commands on their way to actuators: plain functions that the bodies' faults share.

Dead zones, power laws and lags are those of Tao and Kokotovic, *Adaptive Control of Systems with Actuator and Sensor
Nonlinearities* (1996), and of any textbook. All work on numbers of any shape, in shares of the command's half range.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def dead_zone(share: Any, width: float) -> Any:
    """A command's share of its half range after a dead zone: 0 within +-``width``, shifted by it outside."""
    return np.sign(share) * np.maximum(np.abs(share) - width, 0.0)


def power(share: Any, exponent: float) -> Any:
    """Its magnitude to a power, its sign kept: ``a |a|`` for an exponent of 2."""
    return np.sign(share) * np.abs(share) ** exponent


def stalled(share: Any, limit: float) -> Any:
    """Its effect after a stall: it rises up to ``limit``, and then falls to a fifth of it at the full command.

    Two commands then have one effect: a stalled wing or propeller, a drive that slips when it is pushed too hard.
    """
    size = np.abs(share)
    fallen = limit * (1 - 0.8 * (size - limit) / max(1 - limit, 1e-9))
    return np.sign(share) * np.where(size > limit, fallen, size)


def lagged(state: Any, command: Any, time: float, period: float) -> Any:
    """The answer of a first-order lag, one control period after ``state``; a lag of 0 s answers at once."""
    return command if time <= 0 else command + (state - command) * math.exp(-period / time)


def drifted(start: Any, end: Any, share: float) -> Any:
    """What moves in a straight line from ``start`` to ``end``, at a share of the way that is held at its ends."""
    return start + (np.asarray(end) - start) * min(max(share, 0.0), 1.0)
