"""What the wall knows about the robot: where it is, how it stands, and when that was so."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

LARGEST = 1e300
"""Numbers from here on count as infinite: their differences would be."""


@dataclass(frozen=True)
class Situation:
    """One message about the robot, made of its odometry. Nothing in it is trusted before :func:`complaint` says so.

    Attributes:
        sequence: Number of the message; grows with every message.
        received: When it arrived, on the steady clock of this computer (s).
        source: When it was measured, on the clock of its source (s); compared with other ``source`` times only.
        position: x, y, z in the odometry frame (m).
        heading: Direction of the body's x in that frame (rad).
        tilt: Angle between the body's z and the vertical (rad).
    """

    sequence: Any
    received: Any
    source: Any
    position: Any
    heading: Any
    tilt: Any


def complaint(situation: Any) -> str | None:
    """Why a message can't be used, whatever it is; ``None`` if every number in it is real and finite."""
    if not isinstance(situation, Situation):
        return f"an observation of type {type(situation).__name__}"
    for item in fields(Situation):
        value = getattr(situation, item.name)
        numbers = value if item.name == "position" else (value,)
        if not isinstance(numbers, tuple | list) or len(numbers) != (3 if item.name == "position" else 1):
            return f"an observation whose {item.name} is not three numbers"
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, Real):
                return f"an observation whose {item.name} is not a number"
            if not _finite(number):
                return f"an observation whose {item.name} is not finite"
    return None


def _finite(number: Real) -> bool:
    try:
        return abs(float(number)) < LARGEST
    except OverflowError:  # an integer
        return False
