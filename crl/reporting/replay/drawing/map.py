"""A map seen from above: waypoints, the path so far, the plans, and the robot with its heading."""

from __future__ import annotations

import math

import numpy as np

from crl.reporting.replay.drawing import ink
from crl.reporting.replay.drawing.fields import heading_at, map_axes
from crl.reporting.replay.drawing.ink import Canvas
from crl.reporting.replay.recorded_episode import RecordedEpisode


class Map:
    """Draws the map of one recorded episode at any of its steps.

    Args:
        recorded: An episode of a body that moves over a map.
        width: In pixels.
        height: In pixels.
    """

    def __init__(self, recorded: RecordedEpisode, width: int, height: int) -> None:
        axes = map_axes(recorded)
        assert axes is not None, "a body that moves over a map has positions"
        self.episode, self.width, self.height, self._axes = recorded, width, height, list(axes)
        at = heading_at(recorded)
        self._headings = None if at is None else recorded.observations()[:, at]
        self._path = recorded.observations()[:, self._axes].astype(np.float64)
        points = self._path if recorded.waypoints is None else np.concatenate([self._path, recorded.waypoints[:, :2]])
        low, high = points.min(axis=0), points.max(axis=0)
        margin = 24.0
        room = np.array([width - 2 * margin, height - 2 * margin])
        self._per_metre = float((room / np.maximum(high - low, 1.0)).min())
        self._middle = (low + high) / 2

    def draw(self, index: int) -> Canvas:
        """The map at step ``index`` of the episode; its length shows the final state."""
        canvas = Canvas(self.width, self.height)
        canvas.box((0, 0, self.width, self.height), ink.FIELD)
        moment = self.episode.moments[min(index, len(self.episode.moments) - 1)]
        self._waypoints(canvas, moment.reached or 0)
        if moment.imagination is not None and index < len(self.episode.moments):
            for other in moment.imagination.others:
                canvas.line(self._to_pixels(other[:, self._axes]), ink.OTHER, 1.0)
        canvas.line(self._to_pixels(self._path[: index + 1]), ink.REAL, 1.5)
        if moment.imagination is not None and index < len(self.episode.moments):
            canvas.line(self._to_pixels(moment.imagination.chosen[:, self._axes]), ink.PLAN, 2.5)
        self._robot(canvas, min(index, len(self._path) - 1), moment.faulty)
        self._scale(canvas)
        return canvas

    def _to_pixels(self, points: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> list[tuple[float, float]]:
        """Pixels of positions [N, 2] (m); x to the right, y up."""
        moved = (np.asarray(points, np.float64) - self._middle) * self._per_metre
        return [(self.width / 2 + float(x), self.height / 2 - float(y)) for x, y in moved]

    def _waypoints(self, canvas: Canvas, reached: int) -> None:
        if self.episode.waypoints is None:
            return
        places = self._to_pixels(self.episode.waypoints[:, :2])
        canvas.line(places, ink.GRID, 1.0)
        for number, (x, y) in enumerate(places):
            done, next_one = number < reached, number == reached
            if next_one:
                canvas.dot(x, y, 5.0, None, ink.PLAN)
            canvas.dot(x, y, 2.5, ink.GOOD if done else ink.PLAN if next_one else ink.FAINT)

    def _robot(self, canvas: Canvas, index: int, faulty: bool) -> None:
        [(x, y)] = self._to_pixels(self._path[[index]])
        colour = ink.ERROR if faulty else ink.PLANNED
        if self._headings is None:
            canvas.dot(x, y, 5.0, colour)
            return
        angle = float(self._headings[index])
        corners = [(10.0, 0.0), (-6.0, 6.0), (-3.0, 0.0), (-6.0, -6.0)]
        turned = [
            (x + a * math.cos(angle) - b * math.sin(angle), y - a * math.sin(angle) - b * math.cos(angle))
            for a, b in corners
        ]
        canvas.polygon(turned, colour)

    def _scale(self, canvas: Canvas) -> None:
        """A bar of a round length."""
        metres = 10.0 ** math.floor(math.log10(0.3 * self.width / self._per_metre))
        for factor in (5.0, 2.0):
            if factor * metres * self._per_metre < 0.35 * self.width:
                metres *= factor
                break
        left, y = 10.0, self.height - 12.0
        right = left + metres * self._per_metre
        canvas.line([(left, y - 3), (left, y), (right, y), (right, y - 3)], ink.FAINT, 1.0)
        canvas.text(right + 6, y + 2, f"{metres:g} m", 11, ink.FAINT, "ls")
