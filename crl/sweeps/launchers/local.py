"""``launcher=local``: worker processes on this machine."""

from __future__ import annotations

import time
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
        workers: Points at a time; as many as there are cores by default.
        any_code: Whether runs count that other code made.
    """

    def __init__(self, folder: Path, workers: int | None, any_code: bool) -> None:
        self._folder, self._any_code = folder, any_code
        self._workers: list[tuple[Point, Worker]] = []
        self._most = workers or cores()

    @property
    def parallel(self) -> int:
        """Points that run at a time."""
        return self._most

    @property
    def room(self) -> int:
        """Workers that are free."""
        return self._most - len(self._workers)

    def start(self, point: Point) -> None:
        """Start a worker."""
        self._workers.append((point, Worker(self._folder, point.name, point.threads, self._any_code)))

    def wait(self, seconds: float) -> list[Ended]:
        """Points whose worker has ended."""
        until = time.monotonic() + seconds
        while True:
            ended = [(point, worker) for point, worker in self._workers if worker.poll() is not None]
            if ended or time.monotonic() >= until:
                break
            time.sleep(POLL)
        self._workers = [item for item in self._workers if item not in ended]
        for _, worker in ended:
            worker.stop()  # closes our end of its pipe
        return [Ended(point, died(worker.wait())) for point, worker in ended]

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
