"""What the wall knows about the robot: where it is, how it stands, and when that was so."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from crl.safety.strangers import UnusableError, attempt, real


@dataclass(frozen=True)
class Situation:
    """One message about the robot, made of its odometry. Nothing in it is trusted before :func:`plain` has read it.

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


def plain(situation: Any) -> Situation:
    """A message of any origin with all its numbers as plain finite floats, the position as a tuple.

    Raises:
        UnusableError: It is no situation, or a number in it is not real and finite. Nothing else is ever raised.
    """
    read = attempt(_plain, situation)
    if read is None:
        raise UnusableError("an observation that can't be read")
    return read


def _plain(situation: Any) -> Situation:
    if not isinstance(situation, Situation):
        raise UnusableError(f"an observation of type {type(situation).__name__}")
    read = {}
    for item in fields(Situation):
        value = getattr(situation, item.name)
        numbers = value if item.name == "position" else (value,)
        if not isinstance(numbers, tuple | list) or len(numbers) != (3 if item.name == "position" else 1):
            raise UnusableError(f"an observation whose {item.name} is not three numbers")
        read[item.name] = [_finite(number, item.name) for number in numbers]
    position = tuple(read.pop("position"))
    return Situation(position=position, **{name: numbers[0] for name, numbers in read.items()})


def _finite(number: Any, name: str) -> float:
    value = real(number)
    if value is None:
        raise UnusableError(f"an observation whose {name} is not a number")
    if not math.isfinite(value):
        raise UnusableError(f"an observation whose {name} is not finite")
    return value
