"""What can go wrong with a quadrotor, as plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from crl_envs.missions.commands import dead_zone, power
from crl_envs.missions.errors import MissionError, check_keys, gains, number, numbers

Triple = tuple[float, float, float]
INTERFACES = ("velocity", "rates")
_ONLY = {
    "rates": ("rate_gain", "rate_bias", "axes"),
    "velocity": ("velocity_gain", "velocity_bias", "frame", "dead"),
}
CHANNELS = ("vx", "vy", "vz")
HALF = (4.0, 4.0, 2.0)
"""Half ranges of roll, pitch and yaw rate (rad/s), and of vx, vy, vz (m/s): the same numbers."""


@dataclass(frozen=True)
class QuadrotorFault:
    """What differs while the fault is on; entries without an interface are for both.

    Attributes:
        dead_zone: Share of the half range of a velocity or rate that has no effect, 0..0.9; outside it the command is
            shifted by it. Thrust and the yaw rate of the interface ``velocity`` have none.
        power: Exponent of such a command's share of its half range, 0.2..5; 2 is ``a |a|``.
        payload: Added mass as a share of the nominal, 0..1.
        thrust: Factor on the thrust of all motors, 0.3..2.
        rotors: Factor on the thrust of each motor (front left, front right, rear left, rear right), 0.1..1.
        wind: Steady wind (m/s) in axes of the world, each within +-20.
        gusts: Size of the gusts (m/s), 0..15: twice the deviation of each horizontal component, coloured noise with a
            correlation time of 1 s.
        latency: Delay of the commands (s), 0..0.5, in whole physics steps of 2 ms.
        rate_gain: Factors on the commanded roll, pitch and yaw rates, -5..5, none zero (interface ``rates``).
        rate_bias: Added to the commanded rates (rad/s), +-4 (``rates``).
        axes: Angle (degrees) by which the commanded roll and pitch rates are turned about the vertical (``rates``).
        velocity_gain: Factors on the commanded vx, vy, vz, -5..5, none zero (``velocity``).
        velocity_bias: Added to the commanded velocities (m/s), +-4 (``velocity``).
        frame: Angle (degrees) by which the commanded horizontal velocity is turned to the left (``velocity``).
        dead: Velocity channels that do nothing, of ``vx``, ``vy``, ``vz`` (``velocity``).
    """

    dead_zone: float = 0.0
    power: float = 1.0
    payload: float = 0.0
    thrust: float = 1.0
    rotors: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    wind: Triple = (0.0, 0.0, 0.0)
    gusts: float = 0.0
    latency: float = 0.0
    rate_gain: Triple = (1.0, 1.0, 1.0)
    rate_bias: Triple = (0.0, 0.0, 0.0)
    axes: float = 0.0
    velocity_gain: Triple = (1.0, 1.0, 1.0)
    velocity_bias: Triple = (0.0, 0.0, 0.0)
    frame: float = 0.0
    dead: tuple[str, ...] = ()

    @classmethod
    def parse(cls, plain: dict[str, Any] | None, interface: str) -> QuadrotorFault:
        """Build and validate a fault from its plain description.

        Raises:
            MissionError: An entry is unknown, impossible, or belongs to the other interface.
        """
        plain = dict(plain or {})
        check_keys(plain, [field.name for field in fields(cls)], "the fault of a quadrotor")
        for other, names in _ONLY.items():
            for name in names:
                if other != interface and name in plain:
                    raise MissionError(
                        f"the fault entry {name!r} belongs to the interface {other!r}, this one is {interface!r}",
                        f"use {', '.join(_ONLY[interface])}, or make the environment with interface={other!r}",
                    )
        dead = plain.pop("dead", ())
        if isinstance(dead, str) or any(name not in CHANNELS for name in dead):
            raise MissionError(f"dead = {dead!r} is not a list of {', '.join(CHANNELS)}", "name the dead channels")
        checked = {name: _CHECKS[name](value) for name, value in plain.items()}
        return cls(**checked, dead=tuple(dead))

    def turn_rates(self, thrust: float, roll: float, pitch: float, yaw: float) -> list[float]:
        """Thrust (weights) and rates (rad/s) as they arrive: dead zone, power, axes turned, gains, biases."""
        roll, pitch, yaw = self._reached(roll, pitch, yaw)
        roll, pitch = _rotate(roll, pitch, self.axes)
        rates = zip((roll, pitch, yaw), self.rate_gain, self.rate_bias, strict=True)
        return [thrust, *(rate * gain + bias for rate, gain, bias in rates)]

    def turn_velocities(self, vx: float, vy: float, vz: float, yaw_rate: float) -> list[float]:
        """Velocities (m/s) and yaw rate (rad/s) as they arrive.

        They pass dead zone, power, the turned frame, gains, biases, and dead channels.
        """
        vx, vy, vz = self._reached(vx, vy, vz)
        vx, vy = _rotate(vx, vy, self.frame)
        moved = zip(CHANNELS, (vx, vy, vz), self.velocity_gain, self.velocity_bias, strict=True)
        return [*(0.0 if name in self.dead else v * gain + bias for name, v, gain, bias in moved), yaw_rate]

    def _reached(self, *commands: float) -> list[float]:
        if self.dead_zone == 0 and self.power == 1:
            return list(commands)
        shares = [c / h for c, h in zip(commands, HALF, strict=True)]
        return [h * float(power(dead_zone(s, self.dead_zone), self.power)) for s, h in zip(shares, HALF, strict=True)]

    def command_effect(self, interface: str) -> tuple[list[list[float]], list[float]]:
        """Matrix [4, 4] and bias [4] of the nominal command that a command amounts to, as far as one does.

        Dead zones and powers are left out: no matrix expresses them.
        """
        if self.dead_zone or self.power != 1:
            return replace(self, dead_zone=0.0, power=1.0).command_effect(interface)
        if interface == "rates":
            share = self.thrust * sum(self.rotors) / 4 / (1 + self.payload)
            bias = self.turn_rates(0.0, 0.0, 0.0, 0.0)
            columns = [self.turn_rates(*(float(i == j) for j in range(4))) for i in range(4)]
        else:
            share = 1.0
            bias = self.turn_velocities(0.0, 0.0, 0.0, 0.0)
            columns = [self.turn_velocities(*(float(i == j) for j in range(4))) for i in range(4)]
        rows = [[column[i] - bias[i] for column in columns] for i in range(4)]
        rows[0] = [share * value for value in rows[0]]
        return rows, bias


NOMINAL = QuadrotorFault()
_HINT = "use a small gain such as 0.1, or say that a velocity channel is dead with dead=['vy']"
_CHECKS: dict[str, Any] = {
    "dead_zone": lambda value: number(value, "dead_zone", 0, 0.9),
    "power": lambda value: number(value, "power", 0.2, 5),
    "payload": lambda value: number(value, "payload", 0, 1),
    "thrust": lambda value: number(value, "thrust", 0.3, 2),
    "rotors": lambda value: numbers(value, 4, "rotors", 0.1, 1),
    "wind": lambda value: numbers(value, 3, "wind", -20, 20),
    "gusts": lambda value: number(value, "gusts", 0, 15),
    "latency": lambda value: number(value, "latency", 0, 0.5),
    "rate_gain": lambda value: gains(value, 3, "rate_gain", -5, 5, _HINT),
    "rate_bias": lambda value: numbers(value, 3, "rate_bias", -4, 4),
    "axes": lambda value: number(value, "axes", -180, 180),
    "velocity_gain": lambda value: gains(value, 3, "velocity_gain", -5, 5, _HINT),
    "velocity_bias": lambda value: numbers(value, 3, "velocity_bias", -4, 4),
    "frame": lambda value: number(value, "frame", -180, 180),
}


def _rotate(x: float, y: float, degrees: float) -> tuple[float, float]:
    if degrees == 0:
        return x, y
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return cosine * x - sine * y, sine * x + cosine * y
