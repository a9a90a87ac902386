"""What can go wrong with a husky, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crl_envs.missions.commands import dead_zone, power
from crl_envs.missions.errors import MissionError, check_keys, gains, number


@dataclass(frozen=True)
class HuskyFault:
    """What differs while the fault is on. Commands pass dead zone, power and gain, in this order.

    Attributes:
        dead_zone: Share of a command's half range that has no effect, 0..0.9; outside it the command is shifted by it.
        power: Exponent of a command's share of its half range, 0.2..5; 2 is ``a |a|``.
        gain: Factors on the commanded speed and turn rate, -10..10, none zero.
        sides: Factors on the wheel speeds of the left and the right side, -3..3, none zero.
        dead_side: ``left`` or ``right``: its wheels stand, whatever the command.
        friction: Factor on the friction between wheels and floor, 0.05..2.
        payload: Added mass on the top plate (kg), 0..100.
        rear_load: Added mass on the rear bumper (kg), 0..50.
        latency: Delay of the commands (s), 0..0.5, in whole physics steps of 10 ms.
    """

    dead_zone: float = 0.0
    power: float = 1.0
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

    def turn(self, command: list[float], half: tuple[float, ...]) -> list[float]:
        """Speed (m/s) and turn rate (rad/s) as they arrive: of commands, and of the half ranges of both."""
        shares = [power(dead_zone(c / h, self.dead_zone), self.power) for c, h in zip(command, half, strict=True)]
        return [float(share) * h * gain for share, h, gain in zip(shares, half, self.gain, strict=True)]


def _side(value: Any) -> str:
    if value not in ("left", "right"):
        raise MissionError(f"dead_side = {value!r}", "use 'left' or 'right'")
    return str(value)


_CHECKS: dict[str, Any] = {
    "dead_zone": lambda value: number(value, "dead_zone", 0, 0.9),
    "power": lambda value: number(value, "power", 0.2, 5),
    "gain": lambda value: gains(value, 2, "gain", -10, 10, "use a small gain such as 0.05 instead"),
    "sides": lambda value: gains(value, 2, "sides", -3, 3, "say dead_side='left' or 'right' instead"),
    "dead_side": _side,
    "friction": lambda value: number(value, "friction", 0.05, 2),
    "payload": lambda value: number(value, "payload", 0, 100),
    "rear_load": lambda value: number(value, "rear_load", 0, 50),
    "latency": lambda value: number(value, "latency", 0, 0.5),
}
NOMINAL = HuskyFault()
