"""What is counted of a life, step by step, in a bounded space: how well it went, and how soon it knew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from crl.adaptation.base import Belief
from crl.training.lives.recalls import SERVES, SHORTEST, learned, recalled, served
from crl.training.lives.searching import searched

SETTLED = 3
"""Steps in a row with a right expectation from which a regime counts as in force."""
LONG = 15
"""Steps of a visit after which a belief that is given up is a false alarm, if its expectation was right."""
EVERY = 50
"""Steps over which distances are averaged for drawings."""
RECENT = 100
"""Steps that the display's share of right expectations is taken over."""


@dataclass(frozen=True)
class LivedStep:
    """One step of a life, as an evaluator sees it.

    Attributes:
        regime: Number of the true regime.
        name: Its name.
        right: Whether the change that was expected of the executed command was right, before it was seen.
        reward: Reward.
        beside: Distance to the leg, or to the goal (m).
        believed: What is believed after the step.
    """

    regime: int
    name: str
    right: bool
    reward: float
    beside: float
    believed: Belief


@dataclass
class _Regime:
    """Sums over the steps in one true regime."""

    name: str
    steps: int = 0
    right: int = 0
    reward: float = 0.0
    visits: int = 0


@dataclass
class LifeRecord:
    """Counts a life. :meth:`results` says what the entries are.

    Attributes:
        steps: Steps so far.
        timeline: [step, true regime, believed regime or ``None``, phase] of every step at which one of them changed.
        rightly: Whether every visit that is over ended with right expectations.
    """

    steps: int = 0
    beside: float = 0.0
    besides: list[float] = field(default_factory=list)
    visits: int = 0
    false_alarms: int = 0
    unchanged: int = 0
    held: bool = True
    delays: list[int | None] = field(default_factory=list)
    timeline: list[list[Any]] = field(default_factory=list)
    regimes: dict[int, _Regime] = field(default_factory=dict)
    again: bool = False
    length: int = 0
    streak: int = 0
    settled: int | None = None
    recent: list[bool] = field(default_factory=list)
    rightly: list[bool] = field(default_factory=list)

    def step(self, lived: LivedStep) -> None:
        """Count one step."""
        told = [lived.regime, lived.believed.regime, lived.believed.phase]
        before = self.timeline[-1][1:] if self.timeline else None
        if before is None or before[0] != lived.regime:
            self._visit(lived)
        if before is not None and self.length >= LONG:
            self.unchanged += 1
            given_up = self.held and (before[1] != told[1] or not lived.believed.settled)
            if given_up and self.streak >= SETTLED:
                self.false_alarms += 1
        self.held = lived.believed.settled
        if before != told:
            self.timeline.append([self.steps, *told])
        self.steps += 1
        self.length += 1
        self.streak = self.streak + 1 if lived.right else 0
        if self.streak == SETTLED and self.settled is None:
            self.settled = self.length - SETTLED
        self.beside += lived.beside
        if self.steps > EVERY * len(self.besides):
            self.besides.append(0.0)
        self.besides[-1] += lived.beside / EVERY
        self.recent = [*self.recent[1 - RECENT :], lived.right]
        sums = self.regimes[lived.regime]
        sums.steps += 1
        sums.right += lived.right
        sums.reward += lived.reward

    def _visit(self, lived: LivedStep) -> None:
        """A visit of a regime begins, and the one before is over."""
        self._close()
        self.visits += 1
        self.again = lived.regime in self.regimes
        sums = self.regimes.setdefault(lived.regime, _Regime(lived.name))
        sums.visits += 1
        self.length = self.streak = 0
        self.settled = None

    @property
    def _ends_rightly(self) -> bool:
        """Whether the newest steps of the present visit, at most 15, were mostly expected rightly."""
        newest = self.recent[-min(SHORTEST, self.length) :]
        return sum(newest) >= SERVES * len(newest)

    def _close(self) -> None:
        if self.length:
            self.rightly.append(self._ends_rightly)
        if self.again and self.length > SETTLED:
            self.delays.append(self.settled)

    @property
    def since(self) -> int:
        """Steps since what is believed, or what is true, changed."""
        return self.steps - int(self.timeline[-1][0]) if self.timeline else 0

    def results(self, reached: int | None, crashes: int) -> dict[str, Any]:
        """The record as plain data.

        ``waypoints`` per 1,000 steps and ``cross_track`` (mean distance to the leg, m), or ``goal_distance`` (mean, m)
        of a body without waypoints; what does not apply is ``None``. ``right``: share of steps in which the change
        expected of the executed command was right, before it was seen; ``reward`` per step; ``returns``: for visits of
        a regime met before, steps until the expectation is right three times in a row (median, 90 %), ``returned``:
        share of them that get there; ``false_alarms``: how often a regime that was in force for good, and expected
        rightly, was given up in ``unchanged`` steps, those of visits that had lasted for 15 steps (that a regime hands
        over to the one that was learned beside it gives nothing up); ``recalled``: share of the ``recalls`` that were
        right (:mod:`crl.training.lives.recalls`); ``served``: the same of ``serves`` returns, where an entry that
        predicts as well counts, too; ``learning``: steps that a new regime was lived until it was known;
        ``reach``: whether the agent settles, and goes on searching (:mod:`crl.training.lives.searching`);
        ``crashes``; per true regime ``by_regime``; ``beside``: the distance to the leg or the goal, mean over every
        ``beside_every`` steps (m); ``timeline``.

        Args:
            reached: Waypoints; ``None`` for a body without any.
            crashes: Crashes and falls.
        """
        delays = [*self.delays, *([self.settled] if self.again and self.length > SETTLED else [])]
        found = [delay for delay in delays if delay is not None]
        every, steps = list(self.regimes.values()), max(1, self.steps)
        right, recalls = recalled(self.timeline, self.steps)
        rightly = [*self.rightly, *([self._ends_rightly] if self.length else [])]
        # A life that goes on from a checkpoint of before visits were judged can't tell.
        serving, serves = served(self.timeline, self.steps, rightly) if len(rightly) == self.visits else (0, 0)
        return {
            "steps": self.steps,
            "waypoints": None if reached is None else 1000 * reached / steps,
            "cross_track": None if reached is None else self.beside / steps,
            "goal_distance": self.beside / steps if reached is None else None,
            "right": sum(part.right for part in every) / steps,
            "reward": sum(part.reward for part in every) / steps,
            "visits": self.visits,
            "returns": {
                "median": float(np.median(found)) if found else None,
                "p90": float(np.percentile(found, 90)) if found else None,
            },
            "returned": len(found) / len(delays) if delays else None,
            "false_alarms": self.false_alarms,
            "unchanged": self.unchanged,
            "recalled": right / recalls if recalls else None,
            "recalls": recalls,
            "served": serving / serves if serves else None,
            "serves": serves,
            "learning": learned(self.timeline, self.steps),
            "reach": searched(self.timeline, self.steps),
            "crashes": crashes,
            "by_regime": {
                part.name: {
                    "steps": part.steps,
                    "visits": part.visits,
                    "reward": part.reward / max(1, part.steps),
                    "right": part.right / max(1, part.steps),
                }
                for _, part in sorted(self.regimes.items())
            },
            "beside": self.besides[: self.steps // EVERY],
            "beside_every": EVERY,
            "timeline": self.timeline,
        }

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LifeRecord:
        """What :meth:`state_dict` described."""
        values: dict[str, Any] = {
            key: list(value) if isinstance(value, list) else value for key, value in state.items()
        }
        values["regimes"] = {int(index): _Regime(**part) for index, part in state["regimes"].items()}
        return cls(**values)
