"""The reach monitor: whether a learning agent has stopped its search, as far as that can be seen from outside.

Abel et al. 2023 call an agent continual that never *reaches* its basis: it never ends up behaving as one fixed basis
element for ever. For finite machines :mod:`crl.formal` decides that. A neural agent can only be watched: here the
basis is the set of policies, one for each value of what learning moves, and learning is the learning rule. After every
learning session the monitor compares the agent's decisions on fixed probes (observations of the current task) with
those before, with the same random numbers for planning, so that a difference is the session's doing. What it says is
no proof; it names the window, the tolerance and the steps that it rests on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crl import restoring
from crl.agents.base import Agent
from crl.config import MonitorConfig
from crl.types import Array, TaskSpec, as_array

PROBE_EPISODE = 1_000_003
"""Number of the first probe's episode: it addresses the random numbers of its plan, and is used for nothing else."""
LEAST_CHANGES = 6
"""Changes that a trend needs."""
AHEAD = 10
"""Windows within which changes that vanish must be expected to be gone."""

Kind = Literal["settled", "settling", "not settled", "undecided"]


@dataclass(frozen=True)
class Change:
    """What one learning session did.

    Attributes:
        step: Environment steps of the run after it.
        task: Name of the task that was learned.
        distance: Root mean square over probes and action elements of the change of the decision, in units of half the
            action range: 0 (no change) to 2.
        moved: Whether the basis element (its fingerprint) changed.
    """

    step: int
    task: str
    distance: float
    moved: bool

    def values(self) -> dict[str, Any]:
        """What a log says of it."""
        return {"task": self.task, "distance": self.distance, "moved": self.moved}


@dataclass(frozen=True)
class ReachVerdict:
    """What the monitor saw; see :func:`judge`.

    Attributes:
        kind: ``settled``, ``settling``, ``not settled`` or ``undecided``.
        text: The verdict as a sentence, with what it rests on.
        horizon: Environment steps that were watched.
        window: Environment steps without change that count as settled.
        tolerance: Distance up to which decisions count as the same.
        steps_since_change: Environment steps since the basis element last changed.
        steps_since_behaviour_changed: Environment steps since a change above the tolerance.
        frozen_share: Share of the watched steps at whose end the basis element was still the one before.
        recent_change: Mean distance over the last window; ``None`` without a session in it.
        trend: Factor by which the distance changes per window (Theil-Sen, over the last three windows), with its
            95 % interval; ``None`` where there are too few sessions.
    """

    kind: Kind
    text: str
    horizon: int
    window: int
    tolerance: float
    steps_since_change: int
    steps_since_behaviour_changed: int
    frozen_share: float
    recent_change: float | None
    trend: tuple[float, float, float] | None


class ReachMonitor:
    """Watches an agent from learning session to learning session.

    Args:
        config: Window, tolerance and number of probes.

    Attributes:
        changes: What every session since the start did.
    """

    def __init__(self, config: MonitorConfig) -> None:
        self.config = config
        self.changes: list[Change] = []
        self._probes: dict[int, Array] = {}
        self._task = -1
        self._decisions: Array | None = None
        self._element: str | None = None
        self._start: int | None = None
        self._last = 0

    def knows(self, task: TaskSpec) -> bool:
        """Whether a task has its probes."""
        return task.index in self._probes

    def set_probes(self, task: TaskSpec, observations: Array) -> None:
        """Fix the observations [N, S] on which decisions of a task are compared."""
        self._probes[task.index] = np.array(observations, np.float32)

    def update(self, agent: Agent, task: TaskSpec, step: int) -> Change | None:
        """Compare the agent with what it was at the last call, on the probes of its current task.

        Plays no step, and draws no random number that training uses. Call it between episodes.

        Args:
            agent: Who is watched.
            task: Its current task, whose probes are set.
            step: Environment steps of the run so far.

        Returns:
            The change; ``None`` for the first call on a task, which has nothing to compare with.
        """
        if not len(self._probes[task.index]):
            return None
        decisions, element = self._decide(agent, task), agent.basis_element()
        change = None
        if self._start is None:
            self._start = step
        if task.index == self._task and self._decisions is not None:
            half = (as_array(task.action.high) - as_array(task.action.low)) / 2
            distance = float(np.sqrt(np.mean(((decisions - self._decisions) / half) ** 2)))
            change = Change(step, task.name, distance, element != self._element)
        elif self._element is not None:  # another task: another element is in force, on other probes
            change = Change(step, task.name, math.nan, element != self._element)
        if change is not None:
            self.changes.append(change)
        self._task, self._decisions, self._element, self._last = task.index, decisions, element, step
        return change if change is not None and math.isfinite(change.distance) else None

    def _decide(self, agent: Agent, task: TaskSpec) -> Array:
        decisions = []
        for index, observation in enumerate(self._probes[task.index]):
            agent.begin(task, PROBE_EPISODE + index, explore=False)
            decisions.append(agent.act(observation).planned)
        return np.stack(decisions)

    def verdict(self) -> ReachVerdict:
        """What can be said so far."""
        return judge(self.changes, self._start or 0, self._last, self.config.window, self.config.tolerance)

    def report(self) -> dict[str, Any]:
        """Verdict and changes as plain data, for ``results.json``."""
        return {**asdict(self.verdict()), "changes": [asdict(change) for change in self.changes]}

    def state_dict(self) -> dict[str, Any]:
        """Probes, what was decided on them last, and the changes."""
        return {
            "probes": {task: probes.copy() for task, probes in self._probes.items()},
            "task": self._task,
            "decisions": None if self._decisions is None else self._decisions.copy(),
            "element": self._element,
            "start": self._start,
            "last": self._last,
            "changes": [asdict(change) for change in self.changes],
        }

    def load_state_dict(self, state: Mapping[str, Any], sizes: tuple[int, int] | None = None) -> None:
        """Restore what :meth:`state_dict` returned.

        Args:
            state: The state.
            sizes: Of an observation and of an action, where they are known.

        Raises:
            UnfitStateError: It is of other sizes, or not finite.
        """
        for task, probes in state["probes"].items():
            width = probes.shape[-1] if sizes is None else sizes[0]
            restoring.array(probes, f"probes/{task}", np.empty((0, width), np.float32), len(probes))
        decisions = state["decisions"]
        if decisions is not None:
            width = decisions.shape[-1] if sizes is None else sizes[1]
            like = np.empty((0, width), decisions.dtype if sizes is None else np.float32)
            restoring.array(decisions, "decisions", like, len(decisions))
        self._probes = {task: np.array(probes, np.float32) for task, probes in state["probes"].items()}
        self._task, self._last = int(state["task"]), int(state["last"])
        self._decisions = None if decisions is None else np.array(decisions, np.float32)
        self._element, self._start = state["element"], state["start"]
        self.changes = [Change(**change) for change in state["changes"]]


def judge(changes: Sequence[Change], start: int, last: int, window: int, tolerance: float) -> ReachVerdict:
    """Whether an agent has settled, from the changes of its behaviour.

    * *settled*: no session of the last ``window`` steps changed a decision by more than ``tolerance``;
    * *settling*: it has not, but the changes of the last three windows vanish: even at the slow end of the 95 %
      interval of their trend (Theil-Sen slope of the logarithm) they would be within the tolerance after at most
      ``AHEAD`` further windows;
    * *not settled*: otherwise;
    * *undecided*: it was watched for less than a window.

    Args:
        changes: Changes in order.
        start: Environment steps when the watch began.
        last: Environment steps at its end.
        window: Environment steps without change that count as settled.
        tolerance: Distance up to which decisions count as the same.
    """
    horizon = last - start
    above = [change.step for change in changes if not change.distance <= tolerance]  # a new task counts
    moved = [change.step for change in changes if change.moved]
    since = last - (above[-1] if above else start)
    recent = [c.distance for c in changes if c.step > last - window and math.isfinite(c.distance)]
    trend = _trend([c for c in changes if c.step > last - 3 * window], window, tolerance)
    kind: Kind
    if horizon < window:
        kind = "undecided"
        text = f"watched for {horizon:,} steps, less than a window of {window:,}"
    elif since >= window:
        kind = "settled"
        text = f"has settled: no decision changed by more than {tolerance:g} for {since:,} steps"
    elif trend is not None and recent and float(np.mean(recent)) * trend[2] ** AHEAD <= tolerance:
        kind = "settling"
        text = (
            f"is settling: the change per session falls by {1 - trend[0]:.0%} per {window:,} steps; "
            f"it has not settled within {horizon:,} steps at tolerance {tolerance:g}"
        )
    else:
        kind = "not settled"
        text = f"has not settled within {horizon:,} steps at tolerance {tolerance:g}"
    return ReachVerdict(
        kind,
        text,
        horizon,
        window,
        tolerance,
        last - (moved[-1] if moved else start),
        since,
        _frozen_share(changes, start, last),
        float(np.mean(recent)) if recent else None,
        trend,
    )


def _trend(changes: Sequence[Change], window: int, tolerance: float) -> tuple[float, float, float] | None:
    """Factor per window of the distances' fall, with its 95 % interval."""
    kept = [change for change in changes if math.isfinite(change.distance)]
    if len(kept) < LEAST_CHANGES:
        return None
    steps: NDArray[np.float64] = np.array([change.step for change in kept]) / window
    logs = np.log([max(change.distance, tolerance) for change in kept])
    if np.ptp(steps) == 0:
        return None
    if np.ptp(logs) == 0:
        return 1.0, 1.0, 1.0
    slope, _, low, high = stats.theilslopes(logs, steps, 0.95)
    return tuple(float(np.exp(value)) for value in (slope, low, high))  # type: ignore[return-value]


def _frozen_share(changes: Sequence[Change], start: int, last: int) -> float:
    frozen, before = 0, start
    for change in changes:
        frozen += 0 if change.moved else change.step - before
        before = change.step
    return frozen / (last - start) if last > start else 0.0
