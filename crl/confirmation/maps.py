"""Maps that are drawn: waypoints of a random way, written as a CSV file that every mission can read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TRIES = 1000
"""Waypoints that are tried before the way begins anew."""


@dataclass(frozen=True)
class MapDistribution:
    """A random way: legs of random length, with random turns between them, that keeps inside a square.

    Attributes:
        waypoints: Least and greatest number of waypoints.
        leg: Least and greatest length of a leg (m, over ground).
        turn: Greatest change of direction from one leg to the next (degrees), to either side.
        size: Side of the square (m); the way begins in its middle.
        height: Least and greatest height of waypoints (m), for flying bodies; ``None``: the map has no heights.
        climb: Greatest change of height from one waypoint to the next (m).
    """

    waypoints: tuple[int, int] = (8, 12)
    leg: tuple[float, float] = (3.0, 8.0)
    turn: float = 110.0
    size: float = 40.0
    height: tuple[float, float] | None = None
    climb: float = 1.0

    def draw(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Waypoints (m) in axes of the map, [N, 2] or [N, 3]; the first is the middle of the square."""
        while True:
            count = int(rng.integers(self.waypoints[0], self.waypoints[1] + 1))
            points = self._way(count, rng)
            if points is not None:
                break
        if self.height is None:
            return np.round(points, 3)
        heights = [rng.uniform(*self.height)]
        while len(heights) < count:
            low, high = max(self.height[0], heights[-1] - self.climb), min(self.height[1], heights[-1] + self.climb)
            heights.append(rng.uniform(low, high))
        return np.round(np.column_stack([points, heights]), 3)

    def _way(self, count: int, rng: np.random.Generator) -> NDArray[np.float64] | None:
        """A way of so many waypoints, or ``None`` if it found no way on."""
        points = [np.zeros(2)]
        direction = 0.0  # a robot starts along x
        for _ in range(TRIES):
            if len(points) == count:
                return np.array(points)
            turned = direction + math.radians(rng.uniform(-self.turn, self.turn))
            new = points[-1] + rng.uniform(*self.leg) * np.array([math.cos(turned), math.sin(turned)])
            if np.abs(new).max() <= self.size / 2:
                points.append(new)
                direction = turned
        return None


def write_map(points: NDArray[np.float64], path: Path) -> None:
    """Write waypoints [N, 2] or [N, 3] (m) as a CSV file."""
    columns = ["x", "y", "z"][: points.shape[1]]
    rows = [",".join(columns), *(",".join(f"{value:.3f}" for value in point) for point in points)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
