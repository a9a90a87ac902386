"""``launcher=local``: worker processes on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from crl.cores import cores
from crl.sweeps.launchers.pool import Ended
from crl.sweeps.launchers.process import Worker, died
from crl.sweeps.points.point import Point

POLL = 0.05
"""Seconds between two looks at the workers."""


class LocalPool:
    """Workers on this machine.

    Args:
        folder: The sweep.
        workers: Processes at a time; as many as there are cores by default.
        any_code: Whether runs count that other code made.
        batches: Names of points that one process does together. A process starts when all of its points were handed
            over; a point that is in no batch has its own.
    """

    def __init__(
        self, folder: Path, workers: int | None, any_code: bool, batches: Sequence[Sequence[str]] = ()
    ) -> None:
        self._folder, self._any_code = folder, any_code
        self._workers: list[tuple[list[Point], Worker]] = []
        self._most = workers or cores()
        self._batch_of = {name: tuple(batch) for batch in batches for name in batch}
        self._gathered: dict[tuple[str, ...], list[Point]] = {}

    @property
    def parallel(self) -> int:
        """Processes that run at a time."""
        return self._most

    @property
    def room(self) -> int:
        """Workers that are free; one at least while a batch waits for the rest of its points."""
        return max(self._most - len(self._workers), 1 if self._gathered else 0)

    def start(self, point: Point) -> None:
        """Start a worker, once all of its points are there."""
        batch = self._batch_of.get(point.name, (point.name,))
        points = self._gathered.setdefault(batch, [])
        points.append(point)
        if len(points) < len(batch):
            return
        del self._gathered[batch]
        self._workers.append((points, Worker(self._folder, batch, point.threads, self._any_code)))

    def wait(self, seconds: float) -> list[Ended]:
        """Points whose worker has ended."""
        until = time.monotonic() + seconds
        while True:
            ended = [(points, worker) for points, worker in self._workers if worker.poll() is not None]
            if ended or time.monotonic() >= until:
                break
            time.sleep(POLL)
        self._workers = [item for item in self._workers if item not in ended]
        for _, worker in ended:
            worker.stop()  # closes our end of its pipe
        return [Ended(point, died(worker.wait())) for points, worker in ended for point in points]

    def stop(self) -> None:
        """Let the workers save and end."""
        for _, worker in self._workers:
            worker.stop()

    def close(self) -> None:
        """End the workers at once."""
        for _, worker in self._workers:
            worker.kill()
            worker.stop()
            worker.wait()
        self._workers = []
