"""The loop of belief: which regime is in force, told by nobody.

1. KNOWN: a known regime is in force, and must explain every informative transition (:mod:`crl.memory.watch`). It may
   go on being learned.
2. On an alarm, all known regimes are asked at once about the transitions since the sum left zero
   (:mod:`crl.memory.likelihood`). One that explains them is in force at once: KNOWN again.
3. Otherwise BRIDGED: a context relative to the nearest known regime is identified and applied at once, and again with
   every transition. A known regime that turns out to explain all of them ends it.
4. OPENING: after some transitions a regime is opened beside, started at the best known neighbour, and learned in the
   background. When it predicts transitions that it has not seen much better than the bridge, it takes over: KNOWN.

What is suspected is not learned from: transitions wait until they are two steps old and no sum of the watch dates from
before them. When a regime is left, its errors since the change began are struck from its record. A regime stays
provisional until it has held for a while and explains what it sees, and is dropped if it is left before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import Tensor

from crl.config.memory import BeliefConfig
from crl.memory.bridge import Bridge
from crl.memory.coverage import add, widening
from crl.memory.likelihood import FIT, Units, limit_log_likelihood, log_likelihood, mean_square, recall
from crl.memory.memory import NOMINAL, Memory
from crl.memory.merging import dense_grid, twin
from crl.memory.regime import Standing
from crl.memory.steps import Steps
from crl.memory.watch import NONE, Alarm, Watch

Row = tuple[Tensor, Tensor, Tensor]


class Phase(Enum):
    """What the loop is doing."""

    KNOWN = "known"
    BRIDGED = "bridged"
    OPENING = "opening"


@dataclass(frozen=True)
class InForce:
    """What is acted on: a regime, and the context relative to it that corrects actions, if any."""

    regime: int
    context: Tensor | None = None


class Belief:
    """The loop; see the module's text.

    Args:
        memory: The regimes.
        bridge: Identifies contexts.
        units: Common units of residuals.
        neutral: The action [A] that asks for nothing: effects of commands are measured from there.
        config: Settings.

    Attributes:
        phase: What it is doing.
        force: What is acted on.
        now: Steps so far.
        alarms: How often what was in force was given up.
        events: What happened last, for whoever tells it: (step, what, regime), bounded.
    """

    def __init__(
        self, memory: Memory, bridge: Bridge, units: Units, neutral: Tensor, config: BeliefConfig | None = None
    ) -> None:
        self.memory, self.units = memory, units
        self.config = config or BeliefConfig()
        self._bridge, self._neutral = bridge, neutral
        self._grid = dense_grid(bridge.box)
        self._limit = limit_log_likelihood(memory.size)
        self.watch = Watch()
        self.now = 0
        self.phase = Phase.KNOWN
        self.alarms = 0
        self.opening: int | None = None
        self.events: deque[tuple[int, str, int]] = deque(maxlen=1000)
        self._window: deque[tuple[int, Row, Tensor]] = deque(maxlen=self.config.window)
        self._waiting: deque[tuple[int, Row]] = deque()
        self._learned: deque[Row] = deque(maxlen=self.config.learned)
        self._errors: deque[tuple[int, Tensor, Tensor]] = deque(maxlen=64)
        self._rivals: deque[tuple[float, float]] = deque(maxlen=self.config.recent)
        self._changed = 0
        self._rehearsed: Steps | None = None
        self._enter(NOMINAL)

    # ------------------------------------------------------------------ what is seen
    def observe(self, observation: Tensor, action: Tensor, change: Tensor) -> None:
        """Take note of one executed transition: [S], [A] and the wrapped change [D]; one not finite is ignored."""
        if not all(bool(torch.isfinite(part).all()) for part in (observation, action, change)):
            return
        self.now += 1
        row = (observation, action, change)
        predicted, effect, informative = self._predict(Steps.stacked([row]))
        self._waiting.append((self.now, row))
        if bool(informative[0]):
            self._window.append((self.now, row, effect[0]))
            self._judge(row, predicted[:, 0], effect[0])
        self._release()

    def _predict(self, steps: Steps) -> tuple[Tensor, Tensor, Tensor]:
        """Predictions of all regimes [R, N, D], seen effects of commands [N, D] and what is informative [N]."""
        rows = len(steps)
        idle = self._neutral.expand(1, -1)
        both = self.memory.predict(
            torch.cat([steps.observation, steps.observation[-1:]]), torch.cat([steps.action, idle])
        )
        predicted, rest = both[:, :rows], both[:1, rows:]
        effect = steps.change - rest[0]
        told = self.units.informative(torch.cat([effect.unsqueeze(0), predicted - rest]))
        return predicted, effect, told

    def _judge(self, row: Row, predicted: Tensor, effect: Tensor) -> None:
        """Compare the regime in force with all others on one transition."""
        order = self.memory.order
        force = self._forced(row, predicted, order)
        residual = self.units.scaled(row[2] - torch.cat([predicted, force.unsqueeze(0)]), effect)
        likelihood = log_likelihood(residual).tolist()
        error = float(mean_square(residual[-1:]))
        held = likelihood[-1]
        if self.opening is not None:
            self._rivals.append((float(mean_square(residual[order.index(self.opening)].unsqueeze(0))), error))
            held = max(held, likelihood[order.index(self.opening)])
        elif self.phase is Phase.KNOWN:
            entry, at = self.memory.regimes[self.force.regime], (row[0].unsqueeze(0), row[1].unsqueeze(0))
            wider = widening(entry, self._bridge.base, *at)[0]
            held = float(log_likelihood(self.units.scaled(row[2] - force, effect, wider)))
        self._errors.append((self.now, row[2] - force, residual[-1]))
        own = {self.opening} | ({self.force.regime} if self.phase is Phase.KNOWN else set())
        others = [(index, value) for index, value in zip(order, likelihood, strict=False) if index not in own]
        if self._armed():
            others.append((NONE, self._limit))
        alarm = self.watch.update(self.now, others, held)
        if alarm is not None:
            self._alarmed(alarm)
        elif self.phase is Phase.KNOWN:
            self._prove()
        else:
            self._go_on()

    def _forced(self, row: Row, predicted: Tensor, order: list[int]) -> Tensor:
        """The change [D] that is expected of what is in force."""
        if self.phase is Phase.KNOWN or self.force.context is None:
            return predicted[order.index(self.force.regime)]
        weights = self.memory.weights(self.force.regime)
        context = self.force.context.unsqueeze(0)
        return self._bridge.predict(weights, context, row[0].unsqueeze(0), row[1].unsqueeze(0))[0, 0]

    def _armed(self) -> bool:
        """Whether "none of the known" is worth an alarm: only if what is in force has explained something."""
        if self.phase is Phase.KNOWN and self.memory.regimes[self.force.regime].standing is Standing.KEPT:
            return True
        return self._error() <= FIT

    def _error(self) -> float:
        """Mean squared residual of what is in force over recent transitions, or of the learned rival if smaller."""
        recent = list(self._errors)[-self.config.recent :]
        if len(recent) < self.config.recent:
            return float("inf")
        least = float(mean_square(torch.stack([residual for _, _, residual in recent])))
        if len(self._rivals) == self.config.recent:
            least = min(least, sum(learned for learned, _ in self._rivals) / len(self._rivals))
        return least

    # ------------------------------------------------------------------ alarms
    def _alarmed(self, alarm: Alarm) -> None:
        """Recall: which known regime explains the transitions since the sum left zero?"""
        found, nearest = self._recall(alarm.since)
        if alarm.regime != NONE and found is None and self._error() <= FIT:
            self.watch.reset(alarm.regime)  # a poor winner, and what is in force explains enough
            return
        if found is not None and self.phase is Phase.KNOWN and found == self.force.regime:
            self.watch.reset()  # a moment that nothing explains, and it is over
            return
        if found is None and alarm.regime != NONE and self.phase is not Phase.KNOWN:
            self.watch.reset(alarm.regime)
            self._go_on()
            return
        self._changed = alarm.since
        self.alarms += 1
        self._leave(alarm.since)
        self._note("alarm", alarm.regime)
        found, nearest = self._recall(alarm.since)  # what was left may be gone
        if found is not None:
            self._enter(found)
        else:
            self._build(nearest)

    def _recall(self, since: int) -> tuple[int | None, int]:
        """The known regime that explains the window since a step, and the one that is nearest to it."""
        rows = [(row, effect) for step, row, effect in self._window if step >= since]
        steps = Steps.stacked([row for row, _ in rows])
        effects, order = torch.stack([effect for _, effect in rows]), self.memory.order
        residual = steps.change - self.memory.predict(steps.observation, steps.action)
        told = recall(self.units.scaled(residual, effects), torch.ones(len(rows), dtype=torch.bool))
        candidates = [at for at, index in enumerate(order) if index != self.opening]
        nearest = min(candidates, key=lambda at: float(told.misfit[at]))
        best = told.best()
        if best is None and float(told.misfit[nearest]) <= self.config.near * FIT:
            # It is the nearest by far too little; but it may never have been seen at commands like these.
            entry = self.memory.regimes[order[nearest]]
            wider = widening(entry, self._bridge.base, steps.observation, steps.action)
            best = nearest if float(mean_square(self.units.scaled(residual[nearest], effects, wider))) <= FIT else None
        known = None if best is None or order[best] == self.opening else order[best]
        return known, order[nearest]

    def _leave(self, since: int) -> None:
        """What was in force is over since a step: strike what it was blamed for, drop what has not proved itself."""
        regimes = self.memory.regimes
        bridged = self.phase is not Phase.KNOWN and self.opening is None
        left = self.opening if self.opening is not None else self.force.regime
        if not bridged:
            errors = [raw for step, raw, _ in self._errors if step < since]
            entry = regimes[left]
            if self.phase is Phase.KNOWN and len(errors) >= self.config.recent:
                entry.judge(torch.stack(errors))
            if entry.standing is Standing.PROVISIONAL:
                self.memory.drop(left)
                self._note("dropped", left)
            elif left != NOMINAL and self._window:
                self._merge(left)
        self._waiting = deque(item for item in self._waiting if item[0] >= since)
        self.memory.rest()
        self._fresh()

    def _merge(self, left: int) -> None:
        """Make a regime that is left one with what it can't be told from: the older one stays."""
        other = twin(self.memory, left, self._bridge.base, self.units, self._window[-1][1][0], self._grid)
        if other is not None:
            kept, gone = sorted((left, other))
            self.memory.merge(kept, gone)
            self._note("merged", gone)

    def _fresh(self) -> None:
        self.opening = None
        self._rehearsed = None
        self._learned.clear()
        self._errors.clear()
        self._rivals.clear()
        self.watch.reset()

    # ------------------------------------------------------------------ known
    def _enter(self, regime: int) -> None:
        """A known regime is in force."""
        entry = self.memory.regimes[regime]
        entry.visits += 1
        entry.last = self.now
        self.phase = Phase.KNOWN
        self.force = InForce(regime, self.memory.context(regime))
        self._note("known", regime)
        if entry.standing is Standing.KEPT and entry.seen is not None and not self._learned:
            predicted = self.memory.predict(*entry.seen)[self.memory.order.index(regime)]
            self._rehearsed = Steps(*entry.seen, predicted)

    def _prove(self) -> None:
        """A regime in force that explains what it sees is kept; a provisional one that does not is dropped in time."""
        entry = self.memory.regimes[self.force.regime]
        entry.transitions += 1
        entry.last = self.now
        if entry.standing is Standing.KEPT:
            return
        if self._keep(entry.index):
            return
        if entry.transitions >= self.config.hopeless:
            self._leave(self.now + 1)
            self._changed = self.now
            self._build(NOMINAL)

    def _keep(self, regime: int) -> bool:
        """Keep a provisional regime if it has held long enough and fits."""
        entry = self.memory.regimes[regime]
        learned = [pair[0] for pair in self._rivals] if self.opening == regime else None
        if learned is None:
            fits = self._error() <= FIT
        else:
            fits = len(learned) == self.config.recent and sum(learned) / len(learned) <= FIT
        if entry.transitions >= self.config.provisional and fits:
            entry.standing = Standing.KEPT
            self._note("kept", regime)
            return True
        return False

    # ------------------------------------------------------------------ unknown
    def _build(self, nearest: int) -> None:
        """Bridge from the nearest known regime, at once."""
        self.phase = Phase.BRIDGED
        self.force = InForce(nearest, self._bridge.nominal)
        self._note("bridged", nearest)
        self._go_on()

    def _go_on(self) -> None:
        """Identify again; recall; open, prove and hand over."""
        rows = [(row, effect) for step, row, effect in self._window if step >= self._changed]
        if not rows:
            return
        known, nearest = self._recall(self._changed)
        if known is not None and len(rows) >= 2 and self._no_better():
            self._leave(self._changed)
            self._enter(known if known in self.memory.regimes else self._recall(self._changed)[1])
            return
        steps = Steps.stacked([row for row, _ in rows])
        self._identify(steps, torch.stack([effect for _, effect in rows]), nearest)
        if self.opening is None:
            if len(rows) >= self.config.open_after:
                self._open(nearest, steps)
            return
        entry = self.memory.regimes[self.opening]
        entry.transitions += 1
        entry.last = self.now
        kept = entry.standing is Standing.KEPT or self._keep(self.opening)
        if self._hands_over(kept=kept):
            learned, self.opening = self.opening, None
            self._errors.clear()
            self._rivals.clear()
            self.watch.reset()
            self._enter(learned)
        elif not kept and entry.transitions >= self.config.hopeless:
            self.memory.drop(self.opening)
            self._note("dropped", self.opening)
            self._changed = self.now
            self._fresh()

    def _no_better(self) -> bool:
        """Whether no regime that is being learned explains the newest transitions already."""
        if self.opening is None or len(self._rivals) < self.config.recent:
            return True
        return sum(learned for learned, _ in self._rivals) / len(self._rivals) > FIT

    def _identify(self, steps: Steps, effects: Tensor, nearest: int) -> None:
        """The context relative to the nominal or to the nearest known regime, whichever leaves less."""
        best, least = self.force, float("inf")
        for regime in dict.fromkeys((NOMINAL, nearest)):
            weights, beneath = self.memory.weights(regime), self.memory.context(regime)
            if beneath is not None:
                continue  # it is itself a context relative to the nominal regime
            context = self._bridge.identify(weights, steps)
            predicted = self._bridge.predict(weights, context.unsqueeze(0), steps.observation, steps.action)[0]
            misfit = float(mean_square(self.units.scaled(steps.change - predicted, effects)))
            if misfit < least:
                best, least = InForce(regime, context), misfit
        self.force = best

    def _open(self, nearest: int, steps: Steps) -> None:
        held = (self.force.regime,)
        self.opening, gone = self.memory.open(nearest, steps, self.now, held)
        if gone is not None:
            self._note("gone", gone)
        self.phase = Phase.OPENING
        self._rivals.clear()
        for row in self._learned:
            self._cover(row)
        self._note("opened", self.opening)

    def _hands_over(self, *, kept: bool) -> bool:
        if len(self._rivals) < self.config.recent:
            return False
        learned, bridge = (sum(column) / len(self._rivals) for column in zip(*self._rivals, strict=True))
        return learned < self.config.gain * bridge or (kept and learned <= 1.0)

    # ------------------------------------------------------------------ learning
    def _release(self) -> None:
        """Hand transitions to learning that are old enough and not suspected."""
        since = self.watch.since if self.phase is Phase.KNOWN else None
        until = self.now - self.config.withheld
        if since is not None:
            until = min(until, since - 1)
        while self._waiting and self._waiting[0][0] <= until:
            step, row = self._waiting.popleft()
            if step >= self._changed:
                self._learned.append(row)
                self._cover(row)
        while len(self._waiting) > 4 * self.config.window:  # what is suspected for ever
            self._waiting.popleft()

    def _cover(self, row: Row) -> None:
        """Note where the regime that is being learned was seen."""
        regime = self.opening if self.opening is not None else self.force.regime
        if regime != NOMINAL and (self.opening is not None or self.phase is Phase.KNOWN):
            add(self.memory.regimes[regime], self._bridge.base, row[0], row[1])

    def learn(self, count: int, generator: torch.Generator) -> float | None:
        """Take learning steps on the regime that is being learned; returns the loss, ``None`` if there is nothing."""
        regime = self.opening if self.opening is not None else self.force.regime
        if regime == NOMINAL or not self._learned or (self.opening is None and self.phase is not Phase.KNOWN):
            return None
        steps = Steps.stacked(self._learned)
        if self._rehearsed is not None:
            if len(steps) < self.config.again or self._error() <= self.config.good:
                return None
            steps = self._rehearsed.plus(steps)
        loss = self.memory.learn(regime, steps, count, generator)
        if self.phase is Phase.KNOWN and self.force.regime == regime:
            self.force = InForce(regime, self.memory.context(regime))
        return loss

    def predict(self, observation: Tensor, action: Tensor) -> Tensor:
        """The change [D] that is expected now of an action [A] at an observation [S]."""
        row = (observation, action, torch.zeros(self.memory.size))
        predicted = self.memory.predict(observation.unsqueeze(0), action.unsqueeze(0))[:, 0]
        return self._forced(row, predicted, self.memory.order)

    def _note(self, what: str, regime: int) -> None:
        self.events.append((self.now, what, regime))

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides what is believed next, as plain data; the memory is saved beside it."""
        return {
            "watch": self.watch.state_dict(),
            "now": self.now,
            "alarms": self.alarms,
            "phase": self.phase.value,
            "opening": self.opening,
            "force": [self.force.regime, None if self.force.context is None else self.force.context.clone()],
            "window": [[step, [part.clone() for part in row], effect.clone()] for step, row, effect in self._window],
            "waiting": [[step, [part.clone() for part in row]] for step, row in self._waiting],
            "learned": [[part.clone() for part in row] for row in self._learned],
            "errors": [[step, raw.clone(), scaled.clone()] for step, raw, scaled in self._errors],
            "rivals": [list(pair) for pair in self._rivals],
            "changed": self._changed,
            "events": [list(event) for event in self.events],
            "rehearsed": None if self._rehearsed is None else [part.clone() for part in self._rehearsed.parts],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned; the memory is restored already."""
        self.watch.load_state_dict(state["watch"])
        self.now, self._changed = int(state["now"]), int(state["changed"])
        self.alarms = int(state["alarms"])
        self.phase = Phase(state["phase"])
        self.opening = None if state["opening"] is None else int(state["opening"])
        regime, context = state["force"]
        self.force = InForce(int(regime), None if context is None else context.clone())
        self._window = deque(
            ((int(step), _row(row), effect.clone()) for step, row, effect in state["window"]), self.config.window
        )
        self._waiting = deque((int(step), _row(row)) for step, row in state["waiting"])
        self._learned = deque((_row(row) for row in state["learned"]), self.config.learned)
        self._errors = deque(((int(step), raw.clone(), scaled.clone()) for step, raw, scaled in state["errors"]), 64)
        self.events = deque(((int(at), str(what), int(regime)) for at, what, regime in state["events"]), 1000)
        kept = state["rehearsed"]
        self._rehearsed = None if kept is None else Steps(*_row(kept))
        self._rivals = deque(((float(a), float(b)) for a, b in state["rivals"]), self.config.recent)


def _row(parts: Any) -> Row:
    observation, action, change = parts
    return observation.clone(), action.clone(), change.clone()
