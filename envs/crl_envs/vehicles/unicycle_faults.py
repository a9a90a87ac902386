"""What can go wrong with a unicycle, as plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl_envs.missions.commands import dead_zone, drifted, lagged, power, stalled
from crl_envs.missions.errors import MissionError, check_keys, gains, number, numbers

Pair = tuple[float, float]
MAX_GAIN = 10.0
_ZERO = "use a small gain such as 0.05 instead"


@dataclass(frozen=True)
class UnicycleFault:
    """What differs while the fault is on. Commands pass the entries in this order.

    Attributes:
        dead_zone: Share of a command's half range that has no effect, 0..0.9; outside it the command is shifted by it.
        power: Exponent of a command's share of its half range, 0.2..5; 2 is ``a |a|``.
        stall: Share of a command's half range at which its effect is greatest, 0.2..1; beyond it falls to a fifth.
        coupling: Share of the commanded turn rate's half range that is added to the speed, and of the speed's that is
            added to the turn rate, in their own half ranges, -2..2, before the gains.
        gain: Factors on the commanded speed and turn rate, -10..10, none zero.
        drift_to: Factors that the gains move to in a straight line, -10..10; ``None``: they stay.
        drift_time: Seconds that this takes, above 0.
        switch: Factors that are in force one after the other, again and again, in place of ``gain``.
        switch_time: Seconds for which each is in force, above 0.
        lag: Time constant (s) with which speed and turn rate follow, 0..5.
        slip: Share of the speed that is lost at the greatest turn rate, and as much of it that slides outwards, 0..0.9.
        noise: Deviation of the noise on x (m), y (m) and heading (rad) of every step, 0..0.1; ``None``: as nominal.
        heading_bias: Angle (rad) by which the direction of travel lies left of the heading, -pi..pi.
    """

    dead_zone: float = 0.0
    power: float = 1.0
    stall: float = 1.0
    coupling: Pair = (0.0, 0.0)
    gain: Pair = (1.0, 1.0)
    drift_to: Pair | None = None
    drift_time: float = 60.0
    switch: tuple[Pair, ...] = ()
    switch_time: float = 8.0
    lag: float = 0.0
    slip: float = 0.0
    noise: float | None = None
    heading_bias: float = 0.0

    @classmethod
    def parse(cls, plain: dict[str, Any] | None) -> UnicycleFault:
        """Build and validate a fault from its plain description.

        Raises:
            MissionError: An entry is unknown or impossible, or one stands without the one that it belongs to.
        """
        plain = dict(plain or {})
        check_keys(plain, list(cls.__dataclass_fields__), "the fault of a unicycle")
        for entry, needs in (("drift_time", "drift_to"), ("switch_time", "switch")):
            if entry in plain and needs not in plain:
                raise MissionError(f"{entry} stands without {needs}", f"say {needs}, too, or leave {entry} out")
        if "switch" in plain and ("gain" in plain or "drift_to" in plain):
            raise MissionError("switch stands beside gain or drift_to", "it replaces both: leave them out")
        return cls(**{name: _CHECKS[name](value) for name, value in plain.items()})

    def gains(self, since: float) -> NDArray[np.float64]:
        """Factors on speed and turn rate ``since`` seconds after the fault came, [2]."""
        if self.switch:
            return np.array(self.switch[int(since / self.switch_time + 1e-9) % len(self.switch)])
        if self.drift_to is None:
            return np.array(self.gain)
        moved: NDArray[np.float64] = drifted(np.array(self.gain), self.drift_to, since / self.drift_time)
        return moved

    def answered(
        self,
        command: NDArray[np.float64],
        half: NDArray[np.float64],
        motion: NDArray[np.float64],
        since: float,
        period: float,
    ) -> tuple[NDArray[np.float64], float]:
        """What the body makes of a command.

        Args:
            command: Speed (m/s) and turn rate (rad/s), [2].
            half: Half ranges of the two, [2].
            motion: Speed and turn rate of the step before, [2], where a lag begins.
            since: Seconds since the fault came.
            period: Seconds of a step.

        Returns:
            Speed and turn rate, [2], and the speed to the left (m/s).
        """
        if self.dead_zone or self.power != 1:
            command = half * power(dead_zone(command / half, self.dead_zone), self.power)
        if self.stall < 1:
            command = half * stalled(command / half, self.stall)
        if self.coupling != (0.0, 0.0):
            command = self._coupled(half) @ command
        moved = np.asarray(lagged(motion, command * self.gains(since), self.lag, period))
        if not self.slip:
            return moved, 0.0
        turning = self.slip * moved[1] / half[1]
        return np.array([moved[0] * (1 - min(abs(turning), 1.0)), moved[1]]), float(-turning * moved[0])

    def matrix(self, half: NDArray[np.float64], since: float) -> NDArray[np.float64]:
        """What gains and coupling make of a command, [2, 2]: of half ranges [2], ``since`` seconds after it came."""
        return np.diag(self.gains(since)) @ self._coupled(half)

    def _coupled(self, half: NDArray[np.float64]) -> NDArray[np.float64]:
        to_speed, to_turn = self.coupling
        return np.array([[1.0, to_speed * half[0] / half[1]], [to_turn * half[1] / half[0], 1.0]])


def _pair(name: str) -> Any:
    return lambda value: gains(value, 2, name, -MAX_GAIN, MAX_GAIN, _ZERO)


def _coupling(value: Any) -> Pair:
    to_speed, to_turn = numbers(value, 2, "coupling", -2, 2)
    if abs(1 - to_speed * to_turn) < 0.05:
        raise MissionError(f"coupling = {value!r} leaves one motion of two", "choose shares whose product is not 1")
    return to_speed, to_turn


def _pairs(value: Any) -> tuple[Pair, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise MissionError(f"switch = {value!r} is not a list of pairs", "write for instance [[-1, 2], [1, -1]]")
    return tuple(_pair(f"switch[{i}]")(pair) for i, pair in enumerate(value))


_CHECKS: dict[str, Any] = {
    "dead_zone": lambda value: number(value, "dead_zone", 0, 0.9),
    "power": lambda value: number(value, "power", 0.2, 5),
    "stall": lambda value: number(value, "stall", 0.2, 1),
    "coupling": _coupling,
    "gain": _pair("gain"),
    "drift_to": _pair("drift_to"),
    "drift_time": lambda value: number(value, "drift_time", 1e-3, 1e6),
    "switch": _pairs,
    "switch_time": lambda value: number(value, "switch_time", 1e-3, 1e6),
    "lag": lambda value: number(value, "lag", 0, 5),
    "slip": lambda value: number(value, "slip", 0, 0.9),
    "noise": lambda value: number(value, "noise", 0, 0.1),
    "heading_bias": lambda value: number(value, "heading_bias", -math.pi, math.pi),
}
NOMINAL = UnicycleFault()
