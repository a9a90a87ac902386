"""What lives of ground vehicles share: their regimes, and where they begin and are put back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl_envs.lives.commanded import CommandedLifeEnv
from crl_envs.lives.regimes.commands import CommandRegime, draw_regimes
from crl_envs.vehicles.ugv_mission import SPEED, START_STD, TURN_RATE

HALF = 15.0
"""Half the side of the square that holds all waypoints (m)."""
LOST = 50.0
"""A robot that is so far beside its leg (m) is lost: that is a crash, and it is put back."""


class GroundLifeEnv(CommandedLifeEnv[CommandRegime]):
    """A vehicle that is commanded by speed and turn rate, in one of many regimes."""

    def _half_ranges(self) -> NDArray[np.float64]:
        return np.array([SPEED, TURN_RATE])  # the space's ends are of single precision

    def _draw(self, rng: np.random.Generator) -> list[CommandRegime]:
        return draw_regimes(self.stream.count, self._others, rng)

    def _plain(self, regime: CommandRegime) -> dict[str, Any]:
        return {**vars(regime), "matrix": [list(row) for row in regime.matrix]}

    def _regime(self, plain: dict[str, Any]) -> CommandRegime:
        return CommandRegime(**{**plain, "matrix": tuple(map(tuple, plain["matrix"]))})

    def _placed(self, *, first: bool) -> NDArray[np.float64]:
        """Where it begins: x, y (m) and heading (rad), [3]; first near the middle, then at the waypoint before."""
        if first:
            self.way.begin(self._places)
            return self.np_random.normal(0.0, START_STD, size=3)
        ahead = np.subtract(self.way.goal, self.way.before)
        return np.array([*self.way.before, math.atan2(ahead[1], ahead[0])])
