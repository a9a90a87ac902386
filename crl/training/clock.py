"""Where the time of a run goes: wall and CPU seconds by phase, continued over a resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

Phase = Literal["plan", "learn", "simulate", "evaluate", "write", "other"]
PHASES: tuple[Phase, ...] = get_args(Phase)


class Clock:
    """Shares all time since it was made among the phases.

    Phases nest, and each moment belongs to the innermost: a phase inside another one is not counted twice.
    Time outside of any phase is ``other``.

    Args:
        cpu: Tells CPU seconds; by default those of all threads of the process.
    """

    def __init__(self, cpu: Callable[[], float] | None = None) -> None:
        self.cpu = cpu or time.process_time
        self._wall = dict.fromkeys(PHASES, 0.0)
        self._cpu = dict.fromkeys(PHASES, 0.0)
        self._stack: list[Phase] = ["other"]
        self._contexts = {name: _PhaseContext(self, name) for name in PHASES}
        self._wall_mark, self._cpu_mark = time.perf_counter(), self.cpu()

    def phase(self, name: Phase) -> _PhaseContext:
        """Context in which time counts for phase ``name``. Costs about a microsecond.

        Raises:
            ValueError: There is no such phase.
        """
        try:
            return self._contexts[name]
        except KeyError:
            raise ValueError(f"there is no phase {name!r}; the phases are {', '.join(PHASES)}") from None

    def totals(self) -> dict[str, dict[str, float]]:
        """Wall and CPU seconds of each phase up to now, ``{"plan": {"wall": 1.5, "cpu": 1.4}, ...}``."""
        self._account()
        return {name: {"wall": self._wall[name], "cpu": self._cpu[name]} for name in PHASES}

    @property
    def wall_seconds(self) -> float:
        """Wall seconds of all phases up to now."""
        self._account()
        return sum(self._wall.values())

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of all phases up to now."""
        self._account()
        return sum(self._cpu.values())

    def state_dict(self) -> dict[str, Any]:
        """The totals, for a checkpoint."""
        return self.totals()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the totals of a checkpoint; the time of this process so far is added to ``other``."""
        self._account()
        since = sum(self._wall.values()), sum(self._cpu.values())
        for name in PHASES:
            self._wall[name] = float(state[name]["wall"])
            self._cpu[name] = float(state[name]["cpu"])
        self._wall["other"] += since[0]
        self._cpu["other"] += since[1]

    def _account(self) -> None:
        """Book the time since the last call on the current phase."""
        wall, cpu = time.perf_counter(), self.cpu()
        current = self._stack[-1]
        self._wall[current] += wall - self._wall_mark
        self._cpu[current] += cpu - self._cpu_mark
        self._wall_mark, self._cpu_mark = wall, cpu

    def _enter(self, name: Phase) -> None:
        self._account()
        self._stack.append(name)

    def _exit(self) -> None:
        self._account()
        self._stack.pop()


class _PhaseContext:
    """Without state of its own, so that one object per phase serves all its entries, nested ones too."""

    __slots__ = ("_clock", "_name")

    def __init__(self, clock: Clock, name: Phase) -> None:
        self._clock, self._name = clock, name

    def __enter__(self) -> None:
        self._clock._enter(self._name)

    def __exit__(self, *_: object) -> None:
        self._clock._exit()
