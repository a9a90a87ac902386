"""What a regime is learned from: transitions that are old enough and not suspected to be of another one."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from crl.config.sections.memory import BeliefConfig
from crl.memory.models.memory import Memory
from crl.memory.models.regime import Regime, Standing
from crl.memory.models.steps import Row, Steps, copied

PATIENCE = 4
"""So many windows of transitions wait at most; what is suspected for ever is forgotten."""


class Lessons:
    """Transitions that wait, and those of the present visit that are learned from.

    Args:
        config: Settings.
    """

    def __init__(self, config: BeliefConfig) -> None:
        self._config = config
        self._waiting: deque[tuple[int, Row]] = deque()
        self._learned: deque[Row] = deque(maxlen=config.learned)
        self._rehearsed: Steps | None = None
        self._again = False

    def add(self, now: int, row: Row) -> None:
        """Take note of a transition, which has to wait."""
        self._waiting.append((now, row))

    def release(self, until: int, changed: int) -> list[Row]:
        """Let what is not newer than a step be learned from; returns it. What is older than the change is forgotten."""
        released = []
        while self._waiting and self._waiting[0][0] <= until:
            step, row = self._waiting.popleft()
            if step >= changed:
                released.append(row)
        self._learned.extend(released)
        while len(self._waiting) > PATIENCE * self._config.window:
            self._waiting.popleft()
        return released

    def leave(self, since: int) -> None:
        """The visit is over since a step."""
        self._waiting = deque(item for item in self._waiting if item[0] >= since)
        self.begin()

    def begin(self) -> None:
        """A visit begins: nothing is learned from yet."""
        self._rehearsed, self._again = None, False
        self._learned.clear()

    def rehearse(self, entry: Regime, memory: Memory) -> None:
        """A kept regime is learned on together with what it says of the inputs at which it was seen.

        A memory that :attr:`~crl.memory.models.memory.Memory.pools` knows that without a rehearsal.
        """
        inputs = entry.inputs
        if entry.standing is not Standing.KEPT or inputs is None or self._learned:
            return
        self._again = True
        if not memory.pools:
            predicted = memory.predict(*inputs)[memory.order.index(entry.index)]
            self._rehearsed = Steps(*inputs, predicted)

    @property
    def rows(self) -> list[Row]:
        """What is learned from, without what is rehearsed."""
        return list(self._learned)

    def steps(self, error: float) -> Steps | None:
        """What to learn from; ``None``: nothing, or what is known predicts well enough (a mean squared residual)."""
        if not self._learned:
            return None
        steps = Steps.stacked(self._learned)
        if self._again and (len(steps) < self._config.again or error <= self._config.good):
            return None
        return steps if self._rehearsed is None else self._rehearsed.plus(steps)

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "waiting": [[step, copied(row)] for step, row in self._waiting],
            "learned": [copied(row) for row in self._learned],
            "rehearsed": None if self._rehearsed is None else copied(self._rehearsed.parts),
            "again": self._again,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._waiting = deque((int(step), copied(row)) for step, row in state["waiting"])
        self._learned = deque((copied(row) for row in state["learned"]), self._config.learned)
        kept = state["rehearsed"]
        self._rehearsed = None if kept is None else Steps(*copied(kept))
        self._again = bool(state.get("again", kept is not None))  # states of before rehearsed whatever was kept
