"""Regimes of a block that is pushed over a table: the densities of its halves, and the friction of the table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from crl_envs.lives.regimes.apart import drawn_apart

DENSITIES, FRICTIONS = (100.0, 800.0), (0.3, 0.65)
"""Ranges of densities (kg/m3) and of friction coefficients. The heaviest block takes 13 N; the fingertip has 20."""
FEET = 2
"""The first so many contact pairs of the model are feet on the table."""


@dataclass(frozen=True)
class BlockRegime:
    """One body.

    Attributes:
        name: Name, for evaluators.
        left: Density of the half on the left (kg/m3).
        right: Density of the half on the right (kg/m3).
        friction: Friction coefficient of the table.
    """

    name: str = "nominal"
    left: float = 500.0
    right: float = 500.0
    friction: float = 0.5

    @property
    def numbers(self) -> tuple[float, float, float]:
        """What tells regimes apart."""
        return self.left, self.right, self.friction


NOMINAL = BlockRegime()


def draw_blocks(count: int, rng: np.random.Generator) -> list[BlockRegime]:
    """Different regimes: the nominal one, and ``count`` - 1 that are drawn.

    Args:
        count: Number of regimes, at least 1.
        rng: Source.
    """

    def draw(number: int) -> BlockRegime:
        left, right, friction = (
            float(np.exp(rng.uniform(*np.log(ends)))) for ends in (DENSITIES, DENSITIES, FRICTIONS)
        )
        name = f"{number}_left_{left:.0f}_right_{right:.0f}_friction_{friction:.2f}"
        return BlockRegime(name, left, right, friction)

    return drawn_apart(NOMINAL, count, draw, _distance)


def _distance(one: BlockRegime, other: BlockRegime) -> float:
    """Of the logarithms of their three numbers."""
    return math.dist([math.log(number) for number in one.numbers], [math.log(number) for number in other.numbers])


class BlockBody:
    """Puts regimes into a compiled model of :func:`crl_envs.pusher.pusher_model`, of the nominal densities.

    Args:
        model: The model; it is changed in place.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._scratch = mujoco.MjData(model)
        self._halves = [(half.mass.copy(), half.inertia.copy()) for half in self._parts()]
        self._frictions = model.pair_friction[:FEET].copy()

    def _parts(self) -> list[Any]:
        return [self._model.body(side) for side in ("left", "right")]

    def become(self, regime: BlockRegime) -> None:
        """Let the model be of a regime."""
        for part, (mass, inertia), density in zip(
            self._parts(), self._halves, (regime.left, regime.right), strict=True
        ):
            part.mass[:] = mass * density / NOMINAL.left
            part.inertia[:] = inertia * density / NOMINAL.left
        self._model.pair_friction[:FEET] = self._frictions * regime.friction / NOMINAL.friction
        mujoco.mj_setConst(self._model, self._scratch)
