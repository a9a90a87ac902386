"""Waypoints without an end, inside a square: positions stay small enough for float32 for ever."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from crl_envs.missions.progress import beside_leg

Point = tuple[float, ...]
LEG = (2.5, 4.5)
"""Least and greatest length of a leg (m)."""
BEND = 1.9
"""Greatest change of direction at a waypoint (rad)."""
CLIMB = 1.0
"""Greatest difference in height of two waypoints (m), where they have one."""


class EndlessWay:
    """Draws waypoints, and counts those that are reached, at most one a step.

    Args:
        half: Half the side of the square (m) that holds all waypoints; the start is its middle.
        radius: A waypoint is reached within this distance (m).
        heights: Least and greatest height (m) of waypoints in the air; ``None``: they are on the ground.
    """

    def __init__(self, half: float, radius: float, heights: tuple[float, float] | None = None) -> None:
        self.half, self.radius, self.heights = half, radius, heights
        self.begin(np.random.default_rng(0))

    def begin(self, rng: np.random.Generator) -> None:
        """Start at the middle, with new waypoints."""
        self.reached = 0
        self.direction = 0.0
        self.before: Point = (0.0, 0.0) if self.heights is None else (0.0, 0.0, sum(self.heights) / 2)
        self.goal = self._next(self.before, rng)
        self.then = self._next(self.goal, rng)

    def _next(self, start: Point, rng: np.random.Generator) -> Point:
        """The waypoint after one: a bend and a leg that stay inside the square."""
        while True:
            direction = self.direction + float(rng.uniform(-BEND, BEND))
            length = float(rng.uniform(*LEG))
            x, y = start[0] + length * math.cos(direction), start[1] + length * math.sin(direction)
            if max(abs(x), abs(y)) <= self.half:
                self.direction = direction
                return (x, y) if self.heights is None else (x, y, self._height(start[2], self.heights, rng))
            # Turn towards the middle bit by bit, or a corner would hold the way for ever.
            self.direction += 0.5 * math.sin(math.atan2(-start[1], -start[0]) - self.direction)

    @staticmethod
    def _height(before: float, heights: tuple[float, float], rng: np.random.Generator) -> float:
        low, high = max(heights[0], before - CLIMB), min(heights[1], before + CLIMB)
        return float(rng.uniform(low, high))

    def advance(self, position: Point, rng: np.random.Generator) -> float:
        """Count the waypoint if it is reached from ``position`` (m); returns the distance to the leg (m)."""
        beside = beside_leg(self.before, self.goal, position)
        if math.dist(self.goal, position) < self.radius:
            self.reached += 1
            self.before, self.goal = self.goal, self.then
            self.then = self._next(self.goal, rng)
        return beside

    def observe(self, position: Point) -> list[float]:
        """The fields of :func:`crl_envs.missions.goal_fields`; the share reached of what has no end is 0."""
        points = (self.goal, self.then, self.before)
        return [*(there - here for point in points for there, here in zip(point, position, strict=True)), 0.0]

    def get_state(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "reached": self.reached,
            "direction": self.direction,
            "points": [list(point) for point in (self.before, self.goal, self.then)],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_state` returned."""
        self.reached, self.direction = int(state["reached"]), float(state["direction"])
        self.before, self.goal, self.then = (tuple(map(float, point)) for point in state["points"])
