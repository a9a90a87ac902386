"""Where the points of a sweep come from: a list, or a search that makes them as it goes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from crl.sweeps.points.point import Point
from crl.sweeps.state import State


class Source(Protocol):
    """Gives points, and is told what became of them."""

    def next(self, running: int, parallel: int) -> Point | None:
        """The next point; None where there is none now.

        Args:
            running: Points that are handed over and have not ended.
            parallel: Points that can run at a time.
        """

    def ended(self, state: State) -> None:
        """A point has ended for good."""


class Listed:
    """Points that are all known, in their order."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = deque(points)

    def next(self, running: int, parallel: int) -> Point | None:
        """The next point."""
        del running, parallel
        return self._points.popleft() if self._points else None

    def ended(self, state: State) -> None:
        """Nothing follows from it."""
