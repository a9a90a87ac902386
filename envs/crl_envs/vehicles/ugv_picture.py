"""A map seen from above, drawn with numpy alone: waypoints, the way so far, and the vehicle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
PAPER, GRID = (250, 250, 248), (228, 228, 224)
AHEAD, REACHED, GOAL = (150, 150, 150), (90, 160, 110), (51, 102, 204)
NOMINAL, FAULTY = (68, 119, 170), (238, 119, 51)
MARGIN = 1.5
"""Width of the rim around the waypoints (m)."""
DOT = 0.12
"""Radius of the dot in the middle of a waypoint (m)."""
VEHICLE = 0.7
"""Within this distance of its position (m) lies all of the vehicle's arrow head."""


class MapPicture:
    """Draws missions on the ground.

    Args:
        points: Waypoints [N, 2] (m).
        radius: Radius within which they count as reached (m).
        width: Width in pixels.
        height: Height in pixels.
    """

    def __init__(self, points: NDArray[np.float64], radius: float, width: int, height: int) -> None:
        low, high = points.min(axis=0) - MARGIN, points.max(axis=0) + MARGIN
        self._scale = min(width / (high[0] - low[0]), height / (high[1] - low[1]))
        self._origin = (low + high) / 2 - np.array([width, height]) / (2 * self._scale)
        self._size = width, height
        self._points, self._radius = points, radius
        rows, columns = np.mgrid[0:height, 0:width]
        self._x = self._origin[0] + (columns + 0.5) / self._scale
        self._y = self._origin[1] + (height - rows - 0.5) / self._scale
        paper = np.full((height, width, 3), PAPER, dtype=np.uint8)
        line = 0.5 / self._scale
        metres = (np.abs(self._x - np.round(self._x)) < line) | (np.abs(self._y - np.round(self._y)) < line)
        paper[metres] = GRID
        for begin, end in zip(points[:-1], points[1:], strict=True):
            paper[self._near(begin, end, 1.0 / self._scale)] = (205, 205, 200)
        self._layers: dict[int, Picture] = {}
        self._paper = paper

    def draw(self, path: NDArray[np.float64], faulty: NDArray[np.bool_], pose: Any, reached: int) -> Picture:
        """The picture, uint8 [height, width, 3].

        Args:
            path: Positions so far, [M, 2] (m).
            faulty: Whether the fault was on at each, [M].
            pose: x (m), y (m) and heading (rad) of the vehicle.
            reached: Waypoints reached.
        """
        picture = self._waypoints(reached).copy()
        pixels = np.floor((path - self._origin) * self._scale).astype(int)
        width, height = self._size
        for shift_x in (0, 1):
            for shift_y in (0, 1):
                column, row = pixels[:, 0] + shift_x, height - 1 - pixels[:, 1] - shift_y
                inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
                picture[row[inside], column[inside]] = np.where(faulty[inside, None], FAULTY, NOMINAL)
        x, y, heading = pose
        part = self._around(x, y, VEHICLE)
        right, up = self._x[part] - x, self._y[part] - y
        ahead = right * math.cos(heading) + up * math.sin(heading)
        beside = np.abs(up * math.cos(heading) - right * math.sin(heading))
        # An arrow head, 0.9 m long.
        body = (ahead > -0.4) & (ahead < 0.5) & (beside < 0.35 * (0.5 - ahead) / 0.9)
        picture[part][body] = FAULTY if len(faulty) and faulty[-1] else NOMINAL
        return picture

    def _waypoints(self, reached: int) -> Picture:
        """The paper with all waypoints on it; drawn once for each number of reached ones, and only where they are."""
        if reached not in self._layers:
            picture = self._paper.copy()
            for index, point in enumerate(self._points):
                part = self._around(point[0], point[1], self._radius + 2.0 / self._scale)
                distance = np.hypot(self._x[part] - point[0], self._y[part] - point[1])
                colour = REACHED if index < reached else GOAL if index == reached else AHEAD
                picture[part][np.abs(distance - self._radius) < 1.2 / self._scale] = colour
                picture[part][distance < DOT] = colour
            self._layers = {reached: picture}
        return self._layers[reached]

    def _around(self, x: float, y: float, reach: float) -> tuple[slice, slice]:
        """Rows and columns within ``reach`` (m) of a point, or a little more."""
        width, height = self._size
        column, row = (x - self._origin[0]) * self._scale, height - (y - self._origin[1]) * self._scale
        pixels = max(reach, DOT) * self._scale + 1
        left, right = (min(max(round(column + side * pixels), 0), width) for side in (-1, 1))
        top, bottom = (min(max(round(row + side * pixels), 0), height) for side in (-1, 1))
        return slice(top, bottom), slice(left, right)

    def _near(self, begin: NDArray[np.float64], end: NDArray[np.float64], width: float) -> NDArray[np.bool_]:
        leg = end - begin
        square = max(float(leg @ leg), 1e-9)
        share = np.clip(((self._x - begin[0]) * leg[0] + (self._y - begin[1]) * leg[1]) / square, 0, 1)
        near = np.hypot(self._x - begin[0] - share * leg[0], self._y - begin[1] - share * leg[1]) < width
        return np.asarray(near, dtype=np.bool_)
