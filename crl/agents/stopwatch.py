"""CPU milliseconds of each step of an episode, by phase."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class Stopwatch:
    """Measures phases.

    Args:
        phases: Their names.

    Attributes:
        milliseconds: What was measured since the last :meth:`reset`.
    """

    def __init__(self, phases: Sequence[str]) -> None:
        self._phases = tuple(phases)
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.milliseconds: dict[str, list[float]] = {phase: [] for phase in self._phases}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure what happens inside."""
        started = time.process_time()
        yield
        self.milliseconds[name].append(1e3 * (time.process_time() - started))
