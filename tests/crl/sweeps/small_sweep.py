"""Sweeps of runs that take a second, and stand-ins for what runs them."""

from __future__ import annotations

import io
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from crl.sweeps import options
from crl.sweeps.folder import SweepFolder
from crl.sweeps.launchers.pool import Ended
from crl.sweeps.points.expansion import expand
from crl.sweeps.points.point import Point, identity
from tests import tiny

CHOICES = ("continual=", "planner=", "agent=")


def arguments(*more: str, env: str = "SLIDES") -> list[str]:
    """Arguments of ``crl sweep`` for runs of a second."""
    first = [f"env=tests.tiny:{env}", "tasks=[0]"]
    lists = [
        [f"{key}={one}" for one in values.split(",")]
        for key, _, values in (word.partition("=") for word in more if word.startswith(CHOICES))
    ]
    read = [tiny.read_with(tiny.SMALL, *first, *chosen) for chosen in itertools.product(*lists)]
    return [*first, *(word for word in tiny.SMALL if any(word in words for words in read)), *more]


def points(*given: str) -> list[Point]:
    """The points that arguments expand to."""
    return expand(options.read(given).overrides).points


@contextmanager
def planned(path: Path, given: Sequence[str]) -> Iterator[SweepFolder]:
    """A sweep's folder with its points, of which none has run; it is held."""
    plan = expand(options.read(given).overrides)
    with SweepFolder.make(path) as folder:
        folder.define("grid", identity(plan.points), given, [point.name for point in plan.points])
        for point, composed in zip(plan.points, plan.composed, strict=True):
            folder.write_point(point, composed)
        yield folder


def silent() -> Console:
    """A console that nobody sees; its text is in ``console.file``."""
    return Console(file=io.StringIO(), width=200)


def command(*given: str) -> list[str]:
    """The program ``crl sweep``."""
    return [sys.executable, "-m", "crl.cli", "sweep", *given]


def surroundings(repository: Path, **more: str) -> dict[str, str]:
    """The environment of a child: the tests' modules can be imported, and other places come first on its path."""
    return {**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1", **more}


class StandIn:
    """A pool whose workers end as soon as they are waited for.

    Args:
        work: Does a point; gives how its worker died, or None.
        parallel: Points at a time.
    """

    def __init__(self, work: Callable[[Point], str | None], parallel: int = 2) -> None:
        self.work = work
        self.parallel = parallel
        self.running: list[Point] = []
        self.started: list[str] = []
        self.most = 0
        self.stopped = self.closed = False

    @property
    def room(self) -> int:
        return self.parallel - len(self.running)

    def start(self, point: Point) -> None:
        self.running.append(point)
        self.started.append(point.name)
        self.most = max(self.most, len(self.running))

    def wait(self, seconds: float) -> list[Ended]:
        point = self.running.pop(0)
        return [Ended(point, self.work(point))]

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        self.closed = True
