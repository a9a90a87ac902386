"""Regimes of a quadrotor by velocity set-points: what its autopilot makes of a command, in half ranges.

Three kinds are not affine in the command, so that no gains and biases express them: a dead zone, a power law, and a
velocity that is weaker to one side. No regime flies faster than the nominal body: waypoints per step then say how well
a regime is known, not how fast it happens to be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from crl_envs.lives.regimes.apart import drawn_apart


@dataclass(frozen=True)
class AirRegime:
    """What an autopilot makes of a command (vx, vy, vz, yaw rate), in half ranges; the yaw rate stays.

    The level velocity loses its dead zone and is raised to a power, component by component, and is weakened backwards
    and to the right; then it is turned; gains come last.

    Attributes:
        name: Name, for evaluators.
        gain: Factors on vx, vy and vz.
        frame: Angle (rad) by which the level velocity is turned to the left.
        dead: Share of the half range below which vx and vy do nothing, 0..0.5; beyond it they are shifted by it.
        power: Exponent of their share of the half range, above 0.
        weak: Factor on vx and vy below 0, above 0.
    """

    name: str = "nominal"
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    frame: float = 0.0
    dead: float = 0.0
    power: float = 1.0
    weak: float = 1.0

    @property
    def affine(self) -> bool:
        """Whether gains on (mixed) channels express it."""
        return self.dead == 0 and self.power == 1 and self.weak == 1

    def effect(self, command: Any) -> Any:
        """The nominal commands [..., 4] that commands [..., 4] amount to; arrays of any array library."""
        xp = array_namespace(command)
        vx, vy = (self._reached(command[..., i], xp) for i in (0, 1))
        cosine, sine = math.cos(self.frame), math.sin(self.frame)
        x, y, z = self.gain
        level = (x * (cosine * vx - sine * vy), y * (sine * vx + cosine * vy))
        return xp.stack([*level, z * command[..., 2], command[..., 3]], axis=-1)

    def _reached(self, share: Any, xp: Any) -> Any:
        size = abs(share)
        if self.dead:
            size = xp.where(size > self.dead, size - self.dead, xp.zeros_like(size))
        if self.power != 1:
            size = size**self.power
        signed = xp.sign(share) * size
        return signed if self.weak == 1 else xp.where(signed < 0, self.weak * signed, signed)


NOMINAL = AirRegime()
AFFINE = ("gains", "turned")
OTHERS = ("dead", "power", "weak")


def draw_airs(count: int, others: int, rng: np.random.Generator) -> list[AirRegime]:
    """Different regimes: the nominal one, ``others`` that are not affine (all kinds in turn), the rest affine.

    Args:
        count: Number of regimes, at least ``others`` + 1.
        others: Number of those that are not affine.
        rng: Source of kinds' parameters.
    """

    def draw(number: int) -> AirRegime:
        if number <= others:
            return _other(OTHERS[(number - 1) % len(OTHERS)], number, rng)
        return _gains(number, rng) if rng.random() < 0.6 else _turned(number, rng)

    drawn = drawn_apart(NOMINAL, count, draw, distance)
    order = rng.permutation(count - 1) + 1
    return [drawn[0], *(drawn[int(at)] for at in order)]


def distance(one: AirRegime, other: AirRegime) -> float:
    """Root mean square difference of the effects over a grid of level commands and climbs, in half ranges."""
    axis = np.linspace(-1, 1, 9)
    grid = np.stack(np.meshgrid(axis, axis, axis[::4], [0.0], indexing="ij"), axis=-1).reshape(-1, 4)
    return float(np.sqrt(np.square(one.effect(grid) - other.effect(grid))[:, :3].mean()))


def _sign(rng: np.random.Generator) -> float:
    return -1.0 if rng.random() < 0.5 else 1.0


def _gains(number: int, rng: np.random.Generator) -> AirRegime:
    x, y, z = (_sign(rng) * rng.uniform(least, 1.0) for least in (0.6, 0.6, 0.7))
    return AirRegime(f"{number}_gains_{x:.2f}_{y:.2f}_{z:.2f}", (x, y, z))


def _turned(number: int, rng: np.random.Generator) -> AirRegime:
    angle = _sign(rng) * rng.uniform(0.6, math.pi)
    return AirRegime(f"{number}_turned_{math.degrees(angle):.0f}", frame=angle)


def _other(kind: str, number: int, rng: np.random.Generator) -> AirRegime:
    gain = (_sign(rng), _sign(rng), 1.0)
    signs = "".join("+" if g > 0 else "-" for g in gain[:2])
    if kind == "dead":
        d = rng.uniform(0.15, 0.3)
        return AirRegime(f"{number}_dead_{d:.2f}{signs}", gain, dead=d)
    if kind == "power":
        p = rng.uniform(1.5, 2.0)
        return AirRegime(f"{number}_power_{p:.2f}{signs}", gain, power=p)
    w = rng.uniform(0.3, 0.5)
    return AirRegime(f"{number}_weak_{w:.2f}{signs}", gain, weak=w)
