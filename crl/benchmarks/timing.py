"""Times that compare: several things in turn in one process, so that all see the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Name = TypeVar("Name")


def interleaved(
    works: Mapping[Name, Callable[[], object]],
    repeats: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[Name, list[float]]:
    """Milliseconds of each of several things, [repeats] each.

    They are done in turn, after one round that does not count: it allocates.

    Args:
        works: What is done, by name.
        repeats: Rounds that count, at least 1.
        clock: Seconds; CPU time of the process by default, which a busy machine disturbs least.
    """
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; one round at least is measured")
    times: dict[Name, list[float]] = {name: [] for name in works}
    for round_ in range(repeats + 1):
        for name, work in works.items():
            started = clock()
            work()
            if round_:
                times[name].append(1e3 * (clock() - started))
    return times


def median(times: Sequence[float], digits: int = 3) -> float:
    """The median, rounded."""
    return round(statistics.median(times), digits)
