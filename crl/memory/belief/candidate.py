"""The regime that is being opened: it is learned beside the bridge, and takes over once it predicts clearly better."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

from crl.config.sections.memory import BeliefConfig
from crl.memory.models.memory import Memory
from crl.memory.models.regime import Regime, Standing
from crl.memory.models.steps import Steps
from crl.memory.recall.likelihood import FIT


class Candidate:
    """Opens regimes one at a time, and judges the open one by transitions that it has not seen.

    Args:
        memory: The regimes.
        config: Settings.

    Attributes:
        regime: Number of the regime that is open; ``None``: none is.
    """

    def __init__(self, memory: Memory, config: BeliefConfig) -> None:
        self._memory, self._config = memory, config
        self.regime: int | None = None
        self._rivals: deque[tuple[float, float]] = deque(maxlen=config.recent)

    def open(self, neighbour: int, steps: Steps, now: int, held: tuple[int, ...]) -> int | None:
        """Open a regime at its neighbour; returns the one that went to make room, if one did.

        Args:
            neighbour: Where it starts.
            steps: Transitions of it.
            now: Number of the step.
            held: Regimes that must not go.
        """
        self.regime, gone = self._memory.open(neighbour, steps, now, held)
        self._rivals.clear()
        return gone

    def close(self) -> None:
        """No regime is open any longer."""
        self.regime = None
        self._rivals.clear()

    def judge(self, learned: float, bridge: float) -> None:
        """Note the mean squared residuals of the open regime and of the bridge on a transition."""
        self._rivals.append((learned, bridge))

    def see(self, now: int) -> Regime:
        """One more transition was seen of the open regime; returns its entry."""
        assert self.regime is not None
        entry = self._memory.regimes[self.regime]
        entry.transitions += 1
        entry.last = now
        return entry

    @property
    def error(self) -> float:
        """Mean squared residual over recent transitions; infinite before there are enough."""
        if len(self._rivals) < self._config.recent:
            return math.inf
        return sum(learned for learned, _ in self._rivals) / len(self._rivals)

    @property
    def explains(self) -> bool:
        """Whether a regime is open that explains the newest transitions already."""
        return self.regime is not None and self.error <= FIT

    def takes_over(self, *, kept: bool) -> bool:
        """Whether it predicts clearly better than the bridge, or well enough once it is kept."""
        if len(self._rivals) < self._config.recent:
            return False
        bridge = sum(rival for _, rival in self._rivals) / len(self._rivals)
        return self.error < self._config.gain * bridge or (kept and self.error <= 1.0)

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {"opening": self.regime, "rivals": [list(pair) for pair in self._rivals]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.regime = None if state["opening"] is None else int(state["opening"])
        self._rivals = deque(((float(a), float(b)) for a, b in state["rivals"]), self._config.recent)


def proves_itself(entry: Regime, fits: bool, config: BeliefConfig) -> bool:
    """Keep a provisional regime if it has held for long enough and fits; returns whether it is kept now."""
    if entry.transitions < config.provisional or not fits:
        return False
    entry.standing = Standing.KEPT
    return True
