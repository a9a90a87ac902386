"""What a robot's commands may be, as plain numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from crl.errors import CrlError
from crl.types import ActionSpec


class SafetyError(CrlError, ValueError):
    """A limit, fence or time-out makes no sense; the message names the entry, and the hint."""


@dataclass(frozen=True)
class Limits:
    """Limits of each element of a command; tuples of length A.

    A command is a velocity set-point, so its change per second is called acceleration and the change of that jerk;
    for other commands read "first and second derivative".

    Attributes:
        names: Name of each element.
        units: Its unit.
        low: Least value (unit).
        high: Greatest value (unit).
        acceleration: Greatest change per second (unit/s), positive.
        jerk: Greatest change of that per second (unit/s²), positive.
        safe: The safe action (unit), inside ``low..high``: what is sent when nothing else can be trusted.

    Raises:
        SafetyError: Names the element and what is impossible about it.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    acceleration: tuple[float, ...]
    jerk: tuple[float, ...]
    safe: tuple[float, ...]

    def __post_init__(self) -> None:
        sizes = {key: len(values) for key, values in vars(self).items()}
        if len(set(sizes.values())) != 1 or not self.names:
            listed = ", ".join(f"{key} {size}" for key, size in sizes.items())
            raise SafetyError(
                f"the limits have different lengths: {listed}", "give one value per element of the action"
            )
        for at, name in enumerate(self.names):
            low, high, safe = self.low[at], self.high[at], self.safe[at]
            for key in ("low", "high", "acceleration", "jerk", "safe"):
                value = getattr(self, key)[at]
                if not math.isfinite(value):
                    raise SafetyError(f"{key} of {name} is {value}", "give a finite number")
            if not low < high:
                raise SafetyError(f"low of {name} is {low:g} and high is {high:g}", "low must be below high")
            if not low <= safe <= high:
                raise SafetyError(
                    f"the safe action of {name} is {safe:g}, outside {low:g}..{high:g}", "choose it inside the limits"
                )
            for key in ("acceleration", "jerk"):
                if not getattr(self, key)[at] > 0:
                    raise SafetyError(f"{key} of {name} is {getattr(self, key)[at]:g}", "give a positive number")

    @property
    def size(self) -> int:
        """Number A of elements."""
        return len(self.names)

    def action_spec(self) -> ActionSpec:
        """Names, units and range, as the command filter takes them."""
        return ActionSpec(self.names, self.units, self.low, self.high)
