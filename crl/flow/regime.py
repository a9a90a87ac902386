"""The tracker of regimes: it decides *when* there is one; an identifier only says *which*.

In force is either the nominal body or one context c. Whatever is in force must explain each new transition; CUSUMs of
normalised residuals (:mod:`crl.flow.detection`) collect the contradictions. When one alarms, the window is cut to the
transitions that contradict, and identified anew: the end of a fault is a change like its beginning, and beside that it
is watched for by itself, since its outcome is known. A fresh window that the nominal model explains makes the nominal
body the regime again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from crl.config_missions import FlowConfig
from crl.flow.box import Box
from crl.flow.detection import Calibration, Cusum, Return, statistics
from crl.flow.identifier import Identifier, Window
from crl.flow.nominal import Nominal, extended, lags, replaced

GROSS = 1e6
"""Greatest mean square of a transition."""
OLD = 5
"""A regime older than a window is identified anew every so many steps, and after every surprise."""
SOUND = 2.0
"""Greatest mean of what a context leaves, in units of the nominal body's allowance, for it to be acted upon."""
HALF = 0.5
"""A context explains a window if it explains this share of what is unusual; nominal, if no sum is at this share of
its threshold."""


FREE = 3
"""Alarms that cost no trust: a fault, a second thought, and the fault's end."""
RECENT = 20
"""Windows after which an alarm is forgotten."""


def explained(
    identifier: Identifier,
    nominal: Nominal,
    calibration: Calibration,
    box: Box,
    rows: tuple[Tensor, Tensor, Tensor],
    context: Tensor,
) -> tuple[Tensor, Tensor]:
    """What a context [C] leaves of transitions ([N, S], [N, A], [N, D]): normalised residuals, float64 [N, D].

    And the changes [N, D] that it predicts.
    """
    observation, action, change = rows
    contexts = context.expand(action.shape[0], -1)
    command = identifier.done(observation, action, contexts)
    before = lags(nominal)
    told = observation
    if before:
        did = box.clip(identifier.done(observation, observation[..., before], contexts))
        told = replaced(observation, before, did)
    predicted = extended(nominal, told, command, box)
    return calibration.whiten(change - predicted), predicted


@dataclass(frozen=True)
class Regime:
    """What is known of the body now.

    Attributes:
        active: Whether the body is off nominal and the context explains it.
        context: The context in force, [C].
        confidence: How far the data speak for it, in [0, 1].
        changes: Alarms so far.
    """

    active: bool
    context: Tensor
    confidence: float
    changes: int


class RegimeTracker:
    """Follows the regime of one body from its executed transitions.

    Args:
        config: Window and least confidence.
        identifier: Finds contexts.
        nominal: The nominal model, which must not learn meanwhile.
        calibration: Distribution of its residuals.
        box: The action box.
    """

    def __init__(
        self, config: FlowConfig, identifier: Identifier, nominal: Nominal, calibration: Calibration, box: Box
    ) -> None:
        self.config = config
        self.identifier = identifier
        self._nominal = nominal
        self._calibration = calibration
        self._box = box
        self._cusum = Cusum(calibration)
        self._return = Return(config.false_alarms, config.evidence)
        self._rows: list[tuple[Tensor, Tensor, Tensor]] = []
        self._steps: list[int] = []
        self._sizes: list[float] = []
        self._plain: list[Tensor] = []
        self._now = 0
        self._off = False
        self._changes = 0
        self._alarms: list[int] = []
        self._since = 0
        self._newest = 0.0
        self._set_nominal()

    def reset(self) -> None:
        """Believe in the nominal body again, and forget all evidence."""
        self._rows.clear()
        self._steps.clear()
        self._sizes.clear()
        self._plain.clear()
        self._now = 0
        self._cusum.reset()
        self._return.reset()
        self._changes = 0
        self._alarms.clear()
        self._since = 0
        self._newest = 0.0
        self._set_nominal()

    @property
    def off(self) -> bool:
        """Whether the body is believed to be off nominal, explained or not."""
        return self._off

    @property
    def regime(self) -> Regime:
        """The regime in force."""
        active = self._off and self._explains and self._confidence >= self.config.min_confidence and self._trusted()
        return Regime(active, self._context, self._confidence, self._changes)

    def _trusted(self) -> bool:
        """Whether contexts have been good for something: one alarm after the other says that they have not.

        What no context describes (a late command, for instance) is found to be another regime again and again, and
        acting on each does harm. With every further alarm the context has to hold twice as long before it is acted on.
        """
        window = self.config.window
        surplus = sum(step > self._now - RECENT * window for step in self._alarms) - FREE
        return surplus <= 0 or self._now - self._alarms[-1] >= window * 2 ** (surplus - 1)

    def observe(self, observation: Tensor, executed: Tensor, change: Tensor) -> Regime:
        """Take note of one executed transition: [S], [A] and the wrapped change [D]; one not finite is ignored."""
        if not all(bool(torch.isfinite(part).all()) for part in (observation, executed, change)):
            return self.regime
        self._remember(observation, executed, change)
        looked = self._off and self._due()
        if looked:
            self._look()
        seen = statistics(self._plain[-1])
        if self._off:
            left, predicted = self._explained(self._context, last=1)
            forgiven = self._forgiven(predicted)[0]
            seen = statistics(left[0], forgiven)
            if self._explains and self._return.update(self._plain[-1], left[0], forgiven):
                self._alarm(self._return.steps)
                self._set_nominal()
                return self.regime
        self._newest = float(seen[0])
        if self._cusum.update(seen):
            self._alarm(self._cusum.since())
            self._off = True
            # Twice in a step is too late for the next command; an alarm makes the next step a time to look.
            if not looked:
                self._look()
        return self.regime

    def _look(self) -> None:
        """Find out what the present window is of."""
        if self._nominal_explains():
            self._set_nominal()
        else:
            self._identify()

    def _alarm(self, steps: int) -> None:
        """The regime changed so many steps ago: what was observed before does not count any more."""
        kept = sum(step > self._now - steps for step in self._steps)
        self._cusum.reset()
        self._return.reset()
        self._since = self._now
        self._changes += 1
        self._alarms = [*self._alarms[-RECENT:], self._now]
        for part in (self._rows, self._steps, self._sizes, self._plain):
            del part[:-kept]

    def _due(self) -> bool:
        """Whether to identify anew: always at first and after a surprise, then only now and then.

        Without trust, at every second step at most: a body that nothing explains would cost two decisions' time each.
        """
        age = self._now - self._since
        if not self._trusted() and age % 2:
            return False
        return age <= self.config.window or age % OLD == 0 or self._newest > self._calibration.allowance

    def _remember(self, observation: Tensor, executed: Tensor, change: Tensor) -> None:
        """Add a transition to the window; when it is full, the least command among its older half goes.

        All that is in the window is of one regime, however old: what contradicts it makes an alarm, which cuts the
        window. Calm flight after a fault would otherwise push out what the fault was known by. While no context
        explains the window, though, nobody knows whether it is of one regime, and the oldest goes.
        """
        self._now += 1
        self._rows.append((observation.clone(), executed.clone(), change.clone()))
        self._sizes.append(float(((executed - self._box.middle) / self._box.half).abs().max()))
        self._steps.append(self._now)
        self._plain.append(self._explained(self.identifier.nominal, last=1)[0][0])
        if len(self._rows) > self.config.window:
            older = self._sizes[: len(self._sizes) - self.config.window // 2]
            leaves = 0 if self._off and not self._explains else older.index(min(older))
            del self._rows[leaves], self._steps[leaves], self._sizes[leaves], self._plain[leaves]

    def _set_nominal(self) -> None:
        self._off = False
        self._explains = False
        self._return.reset()
        self._context = self.identifier.nominal.clone()
        self._confidence = 0.0

    def _identify(self) -> None:
        """Context of the present window; it counts only if it explains the window much better than nominal does.

        A context in force is given up for a better one only: an alarm may come of a moment that nothing explains.
        """
        estimate = self.identifier.identify(Window.of(*self._columns()))
        context = estimate.context[0]
        finite = bool(torch.isfinite(context).all())
        new = self._explained(context)
        # With nothing in force to compare it with, a finite context is taken.
        old = self._explained(self._context) if self._explains or not finite else new
        found = self._total(new[0]) if finite else torch.inf
        held = self._total(old[0]) if self._explains else torch.inf
        worst = self._worst()
        taken = finite and found < held
        if taken:
            self._context, self._confidence = context, float(estimate.confidence[0])
        best = min(found, held)
        unusual = max(0.0, worst - len(self._rows) * self._calibration.usual)
        better = worst - best > max(HALF * unusual, self._chance())
        unsound = self._unsound(*(new if taken else old))
        self._explains = (better and unsound <= SOUND) or (self._explains and best < worst and unsound <= 2 * SOUND)

    def _unsound(self, left: Tensor, predicted: Tensor) -> float:
        """Mean of what a context leaves of the window, less what is forgiven, in allowances."""
        return float((_squares(left) / (1 + self._forgiven(predicted))).mean()) / self._calibration.allowance

    def _forgiven(self, predicted: Tensor) -> Tensor:
        """Mean squares [N] that are forgiven of the newest N transitions, for which these changes were predicted.

        A context's prediction is wrong by a share of the regime's effect. To detect a change that is forgiven; to
        compare contexts it is not, for then the wildest would be forgiven most.
        """
        observation, action, _ = self._columns(len(predicted))
        effect = (predicted - self._nominal(observation, action)).double() @ self._calibration.whitener.mT
        return self.identifier.relative_error**2 * effect.square().mean(dim=-1)

    def _worst(self) -> float:
        """The misfit of the nominal body."""
        return self._total(torch.stack(self._plain))

    def _total(self, left: Tensor) -> float:
        """Sum of the mean squares of what is left of the window [N, D].

        A transition counts the less, the larger the effect that it shows: a context is always wrong by a share of it.
        """
        shown = _squares(torch.stack(self._plain))
        return float((_squares(left) / (1 + self.identifier.relative_error**2 * shown)).sum())

    def _chance(self) -> float:
        """How much better a context with a parameter or two explains a nominal window by chance (Schwarz 1978)."""
        count = len(self._rows) * len(self._calibration.mean)
        return 2 * self._calibration.allowance * math.log(max(count, 2)) / len(self._calibration.mean)

    def _nominal_explains(self) -> bool:
        """Whether the nominal body could have made the window, and no context in force explains it better."""
        calibration = self._calibration
        seen = torch.minimum(statistics(torch.stack(self._plain)), calibration.caps)
        sums = (seen - calibration.drifts).sum(dim=0)
        if bool((sums >= HALF * calibration.thresholds).any()):
            return False
        return not self._explains or self._worst() - self._total(self._explained(self._context)[0]) <= self._chance()

    def _columns(self, last: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        rows = self._rows[-last:]
        first, second, third = (torch.stack([row[i] for row in rows]) for i in range(3))
        return first, second, third

    def _explained(self, context: Tensor, last: int = 0) -> tuple[Tensor, Tensor]:
        rows = self._columns(last)
        return explained(self.identifier, self._nominal, self._calibration, self._box, rows, context)

    def state_dict(self) -> dict[str, Any]:
        """Evidence and what is believed of it, as plain data."""
        return {
            "rows": [list(row) for row in self._rows],
            "steps": list(self._steps),
            "sizes": list(self._sizes),
            "plain": [row.clone() for row in self._plain],
            "now": self._now,
            "cusum": self._cusum.state_dict(),
            "return": self._return.state_dict(),
            "off": self._off,
            "explains": self._explains,
            "context": self._context.clone(),
            "confidence": self._confidence,
            "changes": self._changes,
            "alarms": list(self._alarms),
            "since": self._since,
            "newest": self._newest,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._rows = [(row[0].clone(), row[1].clone(), row[2].clone()) for row in state["rows"]]
        self._steps = [int(step) for step in state["steps"]]
        self._sizes = [float(size) for size in state["sizes"]]
        self._plain = [row.clone() for row in state["plain"]]
        self._now = int(state["now"])
        self._cusum.load_state_dict(state["cusum"])
        self._return.load_state_dict(state["return"])
        self._off, self._explains = bool(state["off"]), bool(state["explains"])
        self._context = state["context"].clone()
        self._confidence = float(state["confidence"])
        self._changes = int(state["changes"])
        self._alarms = [int(step) for step in state["alarms"]]
        self._since = int(state["since"])
        self._newest = float(state["newest"])


def _squares(left: Tensor) -> Tensor:
    """Mean squares [N] of residuals [N, D]; one that is not finite is as large as can be."""
    squares = left.square().mean(dim=-1)
    return torch.where(torch.isfinite(squares), squares, GROSS).clamp_max(GROSS)
