"""What can go wrong with a husky, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crl_envs.missions.errors import MissionError, check_keys, gains, number


@dataclass(frozen=True)
class HuskyFault:
    """What differs while the fault is on.

    Attributes:
        gain: Factors on the commanded speed and turn rate, -10..10, none zero.
        sides: Factors on the wheel speeds of the left and the right side, -3..3, none zero.
        dead_side: ``left`` or ``right``: its wheels stand, whatever the command.
        friction: Factor on the friction between wheels and floor, 0.05..2.
        payload: Added mass on the top plate (kg), 0..100.
        rear_load: Added mass on the rear bumper (kg), 0..50.
        latency: Delay of the commands (s), 0..0.5, in whole physics steps of 10 ms.
    """

    gain: tuple[float, ...] = (1.0, 1.0)
    sides: tuple[float, ...] = (1.0, 1.0)
    dead_side: str | None = None
    friction: float = 1.0
    payload: float = 0.0
    rear_load: float = 0.0
    latency: float = 0.0

    @classmethod
    def parse(cls, plain: dict[str, Any] | None) -> HuskyFault:
        """Build and validate a fault from its plain description.

        Raises:
            MissionError: An entry is unknown or impossible.
        """
        plain = dict(plain or {})
        check_keys(plain, list(cls.__dataclass_fields__), "the fault of a husky")
        return cls(**{name: _CHECKS[name](value) for name, value in plain.items()})


def _side(value: Any) -> str:
    if value not in ("left", "right"):
        raise MissionError(f"dead_side = {value!r}", "use 'left' or 'right'")
    return str(value)


_CHECKS: dict[str, Any] = {
    "gain": lambda value: gains(value, 2, "gain", -10, 10, "use a small gain such as 0.05 instead"),
    "sides": lambda value: gains(value, 2, "sides", -3, 3, "say dead_side='left' or 'right' instead"),
    "dead_side": _side,
    "friction": lambda value: number(value, "friction", 0.05, 2),
    "payload": lambda value: number(value, "payload", 0, 100),
    "rear_load": lambda value: number(value, "rear_load", 0, 50),
    "latency": lambda value: number(value, "latency", 0, 0.5),
}
NOMINAL = HuskyFault()
