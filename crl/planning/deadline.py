"""The time that a plan may take, and how many action sequences can still be scored in it.

The first few sequences are always scored, so that there is a plan. From then on the time that the last ones took says
how many more fit: a sequence takes as long as one of theirs, and no batch is faster than the first, small one was.
"""

from __future__ import annotations

import math
from collections.abc import Callable

FIRST = 32
"""Sequences that are scored in any case."""
SHARE = 0.8
"""Share of the time that is left which is planned with; the rest is for what differs from batch to batch."""


class Deadline:
    """Time of one plan, from now on.

    Args:
        seconds: How long the plan may take (s); 0: as long as it takes.
        clock: Tells the time (s).

    Attributes:
        limited: Whether there is a limit at all.
        scored: Sequences that were scored so far.
        complete: Whether all that were to be scored were.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.limited = seconds > 0
        self.scored = 0
        self.complete = True
        self._clock = clock
        self._end = clock() + seconds if self.limited else math.inf
        self._least = 0.0
        self._each = 0.0

    def over(self) -> bool:
        """Whether no further sequence can be scored; what then is left undone is noted."""
        found = self.affordable(1) == 0
        self.complete = self.complete and not found
        return found

    def affordable(self, count: int) -> int:
        """How many of ``count`` sequences can be scored at once now."""
        if not self.limited:
            return count
        if not self.scored:
            return min(count, FIRST)
        left = SHARE * (self._end - self._clock())
        if left < self._least or left <= 0:
            return 0
        return count if self._each * count <= left else int(left / self._each)

    def score(self, count: int, work: Callable[[], None]) -> None:
        """Do the scoring of ``count`` sequences, and learn from it how long it takes."""
        started = self._clock()
        work()
        taken = max(self._clock() - started, 0.0)
        self._least = taken if not self.scored else min(self._least, taken)
        self._each = taken / count
        self.scored += count
