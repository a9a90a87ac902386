"""What a launcher is to the sweep: it takes points, and tells which have ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from crl.sweeps.points.point import Point


@dataclass(frozen=True)
class Ended:
    """A point whose worker has ended.

    Attributes:
        point: The point.
        died: How, where the worker died instead of saying what came of it; such a point may be started again.
    """

    point: Point
    died: str | None = None


class Pool(Protocol):
    """Workers, wherever they are."""

    @property
    def parallel(self) -> int:
        """Points that run at a time."""

    @property
    def room(self) -> int:
        """Points that may be handed over now."""

    def start(self, point: Point) -> None:
        """Hand over a point."""

    def wait(self, seconds: float) -> list[Ended]:
        """Points that have ended since the last call; waits for the first one, but not longer than this (s)."""

    def stop(self) -> None:
        """Let all workers save and end; :meth:`wait` still tells of each."""

    def close(self) -> None:
        """Give everything back; workers that still run are ended at once."""
