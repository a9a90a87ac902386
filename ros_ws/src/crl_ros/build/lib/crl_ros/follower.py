"""A driver that needs no training: it points at the waypoint and goes. For checking a robot's wiring, nothing else.

It drives through the same loop and the same safety wall as a deployment, and learns nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl.errors import CrlError
from crl.types import Decision
from crl_robots import RobotSpec

GROUND, AIR = 0.6, 1.0
"""Cruising speeds (m/s)."""
TURN = 1.5
"""Turn rate per radian of bearing (1/s)."""


class Follower:
    """See the module; the interface is that of :class:`crl.deployment.pilot.Pilot`."""

    learner_pid: int | None = None
    learns = False
    learning = False

    def __init__(self, spec: RobotSpec) -> None:
        self._spec = spec
        self._names = [item.name for item in spec.state]

    def begin(self, waypoints: int) -> None:
        """A mission begins; nothing is remembered of the one before."""

    def act(self, observation: NDArray[np.float32]) -> Decision:
        """A command [A] towards the waypoint."""
        seen = dict(zip(self._names, observation.tolist(), strict=True))
        bearing = math.remainder(math.atan2(seen["goal_y"], seen["goal_x"]) - seen["heading"], math.tau)
        way = math.hypot(seen["goal_x"], seen["goal_y"])
        limits = self._spec.limits
        if self._spec.body == "ground":
            wanted = [GROUND * math.cos(bearing) if abs(bearing) < 1 else 0.0, TURN * bearing]
        else:
            speed = min(AIR, way + 0.2)
            wanted = [speed * math.cos(bearing), speed * math.sin(bearing), seen["goal_z"], 0.0]
        action = np.clip(np.array(wanted), limits.low, limits.high).astype(np.float32)
        return Decision(action, action)

    def observe(
        self, observation: NDArray[np.float32], executed: NDArray[np.float32], next_observation: NDArray[np.float32]
    ) -> None:
        """Nothing is learned."""

    def poll(self) -> bool:
        """There are no newer weights."""
        return False

    def name_regime(self, regime: int, name: str) -> None:
        """Nothing is remembered."""
        raise CrlError("a waypoint follower remembers no regimes", "drive with a deployment of refiner=lifelong")

    def forget_regime(self, regime: int) -> None:
        """Nothing is remembered."""
        self.name_regime(regime, "")

    def status(self) -> dict[str, Any]:
        """That nothing is learned."""
        return {"driver": "waypoint follower, which learns nothing"}

    def close(self) -> None:
        """Nothing is held."""
