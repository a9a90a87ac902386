"""Regimes of a ground vehicle: what its body makes of a command, in half ranges of the command's box.

Four kinds are not affine in the command, so that no gains and biases express them: a dead zone, a squared turn, a
speed that falls with turning, and a turn that is weaker to one side. No regime drives faster than the nominal body:
waypoints per step then say how well a regime is known, not how fast it happens to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace


@dataclass(frozen=True)
class CommandRegime:
    """What a body makes of a command (v, w), both in half ranges.

    ``w`` first loses its dead zone and is then weakened to one side or squared; the matrix mixes both; the speed
    falls with turning at last.

    Attributes:
        name: Name, for evaluators.
        matrix: Rows of M: effective (v, w) = M (v, w).
        dead: Share of the turn rate's half range below which a command does nothing, 0..0.9.
        squared: Whether the turn grows with w |w|.
        right: Factor on turns to the right (w < 0), above 0.
        slowing: Share k of the speed that a full turn costs: v (1 - k |w|), 0..0.95.
        noise: Deviation of the noise on every element of the pose (m, m, rad).
    """

    name: str
    matrix: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (0.0, 1.0))
    dead: float = 0.0
    squared: bool = False
    right: float = 1.0
    slowing: float = 0.0
    noise: float = 1e-5

    @property
    def affine(self) -> bool:
        """Whether gains on (mixed) channels express it."""
        return self.dead == 0 and not self.squared and self.right == 1 and self.slowing == 0

    def effect(self, command: Any) -> Any:
        """The nominal commands [..., 2] that commands [..., 2] amount to; arrays of any array library."""
        xp = array_namespace(command)
        v, w = command[..., 0], command[..., 1]
        size = abs(w)
        if self.dead:
            size = xp.where(size > self.dead, size - self.dead, xp.zeros_like(size))
        if self.squared:
            size = size * abs(w)
        turn = xp.sign(w) * size
        if self.right != 1:
            turn = xp.where(turn < 0, self.right * turn, turn)
        (a, b), (c, d) = self.matrix
        speed = (a * v + b * w) * (1 - self.slowing * abs(w))
        return xp.stack([speed, c * v + d * turn], axis=-1)


NOMINAL = CommandRegime("nominal")
AFFINE = ("gains", "coupled")
OTHERS = ("dead", "squared", "slowing", "sided")


def draw_regimes(count: int, others: int, rng: np.random.Generator) -> list[CommandRegime]:
    """Different regimes: the nominal one, ``others`` that are not affine (all kinds in turn), the rest affine.

    Args:
        count: Number of regimes, at least ``others`` + 1.
        others: Number of those that are not affine.
        rng: Source of kinds' parameters.
    """
    drawn = [NOMINAL]
    for i in range(others):
        drawn.append(_other(OTHERS[i % len(OTHERS)], len(drawn), rng))
    while len(drawn) < count:
        kind = AFFINE[int(rng.random() < 0.3)]
        new = _gains(len(drawn), rng) if kind == "gains" else _coupled(len(drawn), rng)
        if all(_distance(new, other) > 0.25 for other in drawn):
            drawn.append(new)
    order = rng.permutation(count - 1) + 1
    return [drawn[0], *(drawn[int(at)] for at in order)]


def _sign(rng: np.random.Generator) -> float:
    return -1.0 if rng.random() < 0.5 else 1.0


def _gains(index: int, rng: np.random.Generator) -> CommandRegime:
    v, w = _sign(rng) * rng.uniform(0.5, 1.0), _sign(rng) * rng.uniform(0.4, 2.0)
    return CommandRegime(f"{index}_gains_{v:.2f}_{w:.2f}", ((v, 0.0), (0.0, w)))


def _coupled(index: int, rng: np.random.Generator) -> CommandRegime:
    v, w = _sign(rng) * rng.uniform(0.7, 0.9), _sign(rng) * rng.uniform(0.7, 1.0)
    c = _sign(rng) * rng.uniform(0.2, 0.5)
    return CommandRegime(f"{index}_coupled_{v:.2f}_{w:.2f}_{c:.2f}", ((v, 0.0), (c, w)))


def _other(kind: str, index: int, rng: np.random.Generator) -> CommandRegime:
    if kind == "dead":
        d = rng.uniform(0.2, 0.35)
        return CommandRegime(f"{index}_dead_{d:.2f}", ((1.0, 0.0), (0.0, -1.0)), dead=d)
    if kind == "squared":
        return CommandRegime(f"{index}_squared", ((1.0, 0.0), (0.0, -1.0)), squared=True)
    if kind == "slowing":
        k = rng.uniform(0.7, 0.9)
        return CommandRegime(f"{index}_slowing_{k:.2f}", slowing=k)
    r = rng.uniform(0.25, 0.45)
    return CommandRegime(f"{index}_sided_{r:.2f}", ((-1.0, 0.0), (0.0, _sign(rng))), right=r)


def _distance(one: CommandRegime, other: CommandRegime) -> float:
    """Root mean square difference of the effects over a grid of commands, in half ranges."""
    axis = np.linspace(-1, 1, 9)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return float(np.sqrt(np.square(one.effect(grid) - other.effect(grid)).mean()))
