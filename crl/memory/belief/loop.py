"""The loop of belief: which regime is in force, told by nobody.

1. KNOWN: a known regime is in force, and must explain every informative transition
   (:mod:`crl.memory.recall.watch`). It may go on being learned.
2. On an alarm, all known regimes are asked at once about the transitions since the sum left zero
   (:mod:`crl.memory.recall.likelihood`). One that explains them is in force at once: KNOWN again.
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
from typing import Any

import torch
from torch import Tensor

from crl.config.sections.memory import BeliefConfig
from crl.memory.belief.candidate import Candidate, proves_itself
from crl.memory.belief.labels import Labels
from crl.memory.belief.learner import INLINE, Learner
from crl.memory.belief.lessons import Lessons
from crl.memory.models.bridge import Bridge
from crl.memory.models.memory import NOMINAL, Memory
from crl.memory.models.regime import Regime, Standing
from crl.memory.models.steps import Row, Steps
from crl.memory.models.units import Units, mean_square
from crl.memory.recall.coverage import add, join
from crl.memory.recall.evidence import Evidence, Seen
from crl.memory.recall.explaining import Explaining
from crl.memory.recall.likelihood import FIT, limit_log_likelihood, log_likelihood
from crl.memory.recall.merging import dense_grid, twin
from crl.memory.recall.phase import InForce, Phase
from crl.memory.recall.watch import NONE, Alarm, Watch


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
        self._bridge = bridge
        self._grid = dense_grid(bridge.box)
        self._limit = limit_log_likelihood(memory.size)
        self.watch = Watch()
        self.now = self.alarms = 0
        self.phase = Phase.KNOWN
        self.events: deque[tuple[int, str, int]] = deque(maxlen=1000)
        self._evidence = Evidence(self.config)
        self._candidate = Candidate(memory, self.config)
        self._explaining = Explaining(memory, bridge, units, neutral, self.config)
        self._lessons = Lessons(self.config)
        self._labels = Labels()
        self._changed = 0
        self._enter(NOMINAL)

    @property
    def opening(self) -> int | None:
        """The regime that is being opened, if one is."""
        return self._candidate.regime

    # ------------------------------------------------------------------ what is told
    def tell(self, label: int) -> None:
        """Say of which regime the next transition is, 0 for the nominal one: then nothing has to be recalled.

        What is told is learned by the same loop: bridged, opened, and handed over to.
        """
        before, self._labels.told = self._labels.told, label
        if label == before or (before is None and label == NOMINAL and self.force.regime == NOMINAL):
            return
        self._changed = self.now + 1 + self._bridge.lag
        self._leave(self.now + 1)
        entry = self._labels.entry()
        if entry is None:
            self._build(NOMINAL)
        else:
            self._enter(entry)

    def forget_labels(self) -> None:
        """Nobody tells any longer, and labels that are told from now on are others; what is remembered stays."""
        self._labels = Labels()

    # ------------------------------------------------------------------ what is seen
    def observe(self, observation: Tensor, action: Tensor, change: Tensor) -> None:
        """Take note of one executed transition: [S], [A] and the wrapped change [D]; one not finite is ignored."""
        if not all(bool(torch.isfinite(part).all()) for part in (observation, action, change)):
            return
        self.now += 1
        row = (observation, action, change)
        predicted, effect, informative = self._explaining.predict(Steps.stacked([row]))
        self._lessons.add(self.now, row)
        if bool(informative[0]):
            self._evidence.add(self.now, row, effect[0])
            self._judge(row, predicted[:, 0], effect[0])
        self._release()

    def _judge(self, row: Row, predicted: Tensor, effect: Tensor) -> None:
        """Compare the regime in force with all others on one transition."""
        order = self.memory.order
        if self.phase is Phase.KNOWN or self.force.context is None:
            force = predicted[order.index(self.force.regime)]
        else:
            force = self._explaining.expected(self.force, row[0], row[1])
        residual = self.units.scaled(row[2] - torch.cat([predicted, force.unsqueeze(0)]), effect)
        likelihood = log_likelihood(residual).tolist()
        error = float(mean_square(residual[-1:]))
        held = likelihood[-1]
        if self.opening is not None:
            learned = float(mean_square(residual[order.index(self.opening)].unsqueeze(0)))
            self._candidate.judge(learned, error)
            held = max(held, likelihood[order.index(self.opening)])
        elif self.phase is Phase.KNOWN:
            seen = Seen(Steps.stacked([row]), effect.unsqueeze(0))
            tolerated = self._explaining.tolerated(self._own(), seen, force.unsqueeze(0))
            held = float(log_likelihood(tolerated)[0])
        self._evidence.blame(self.now, residual[-1])
        own = {self.opening} | ({self.force.regime} if self.phase is Phase.KNOWN else set())
        others = [(index, value) for index, value in zip(order, likelihood, strict=False) if index not in own]
        if self._armed():
            others.append((NONE, self._limit))
        alarm = self.watch.update(self.now, others, held) if self._labels.told is None else None
        if alarm is not None:
            self._alarmed(alarm)
        elif self.phase is Phase.KNOWN:
            self._prove()
        else:
            self._go_on()

    def _own(self) -> Regime:
        """The regime in force, with the deviation of its residuals so far."""
        entry = self.memory.regimes[self.force.regime]
        before = self.now if self.watch.since is None else self.watch.since
        residuals = self._evidence.residuals_before(before)
        if residuals is not None:
            entry.judge(residuals)
        return entry

    def _armed(self) -> bool:
        """Whether "none of the known" is worth an alarm: only if what is in force has explained something."""
        if self.phase is Phase.KNOWN and self.memory.regimes[self.force.regime].standing is Standing.KEPT:
            return True
        return self._error() <= FIT

    def _error(self) -> float:
        """Mean squared residual of what is in force over recent transitions, or of the learned rival if smaller."""
        return min(self._evidence.error(), self._candidate.error)

    # ------------------------------------------------------------------ alarms
    def _alarmed(self, alarm: Alarm) -> None:
        """Recall: which known regime explains the transitions since the sum left zero?"""
        seen = self._evidence.since(alarm.since + self._bridge.lag) or self._evidence.since(alarm.since)
        assert seen is not None  # the sum left zero at an informative transition
        if self.phase is Phase.KNOWN and self._explaining.tolerates(self._own(), seen):
            self.watch.reset(alarm.regime)  # another one explains the window better, or none does; but it does, too
            return
        found, nearest = self._explaining.recall(seen, self.opening)
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
        self._changed = alarm.since + self._bridge.lag
        self.alarms += 1
        self._leave(alarm.since)
        self._note("alarm", alarm.regime)
        found, nearest = self._explaining.recall(seen, self.opening)  # what was left may be gone
        if found is not None:
            self._enter(found)
        else:
            self._build(nearest)

    def _leave(self, since: int) -> None:
        """What was in force is over since a step: strike what it was blamed for, drop what has not proved itself."""
        regimes = self.memory.regimes
        bridged = self.phase is not Phase.KNOWN and self.opening is None
        left = self.opening if self.opening is not None else self.force.regime
        if not bridged:
            residuals = self._evidence.residuals_before(since)
            entry = regimes[left]
            if self.phase is Phase.KNOWN and residuals is not None:
                entry.judge(residuals)
            if entry.standing is Standing.PROVISIONAL:
                self._drop(left)
            elif left != NOMINAL:
                self._merge(left)
        self.memory.rest()
        self._fresh()
        self._lessons.leave(since)

    def _merge(self, left: int) -> int:
        """Make a regime one with what it can't be told from: the older one stays; returns it."""
        here, base, other = self._evidence.here, self._bridge.base, None
        if self.memory.pools:
            other = self.memory.alike(left)
        elif here is not None:
            other = twin(self.memory, left, base, self.units, here, self._grid)
        if other is None:
            return left
        kept, gone = sorted((left, other))
        if self.memory.pools and kept != NOMINAL:
            join(self.memory.regimes[kept], self.memory.regimes[gone], base)
        self.memory.merge(kept, gone)
        self._labels.gone(gone, kept)
        self._note("merged", gone)
        return kept

    def _drop(self, regime: int) -> None:
        """Forget a regime that has not proved itself."""
        self.memory.drop(regime)
        self._labels.gone(regime)
        self._note("dropped", regime)

    def _fresh(self) -> None:
        self._lessons.begin()
        self._judge_anew()

    def _judge_anew(self) -> None:
        """Something else is in force: what was held against the one before is forgotten."""
        self._candidate.close()
        self._evidence.clear()
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
        self._lessons.rehearse(entry, self.memory)

    def _prove(self) -> None:
        """A regime in force that explains what it sees is kept; a provisional one that does not is dropped in time."""
        entry = self.memory.regimes[self.force.regime]
        entry.transitions += 1
        entry.last = self.now
        if entry.standing is Standing.KEPT:
            return
        if proves_itself(entry, self._error() <= FIT, self.config):
            self._note("kept", entry.index)
            return
        if entry.transitions >= self.config.hopeless:
            self._leave(self.now + 1)
            self._changed = self.now
            self._build(NOMINAL)

    # ------------------------------------------------------------------ unknown
    def _build(self, nearest: int) -> None:
        """Bridge from the nearest known regime, at once."""
        self.phase = Phase.BRIDGED
        self.force = InForce(nearest, self._bridge.nominal)
        self._note("bridged", nearest)
        self._go_on()

    def _go_on(self) -> None:
        """Identify again; recall; open, prove and hand over."""
        seen = self._evidence.since(self._changed)
        if seen is None:
            return
        known, nearest = self._explaining.recall(seen, self.opening)
        known = known if self._labels.told is None else None
        if known is not None and len(seen.steps) >= 2 and not self._candidate.explains:
            self._leave(self._changed)
            self._enter(known if known in self.memory.regimes else self._explaining.recall(seen, self.opening)[1])
            return
        self.force = self._explaining.identify(seen, nearest, self.force)
        if self.opening is not None:
            self._prove_open()
        elif len(seen.steps) >= self.config.open_after:
            self._open(nearest, seen.steps)

    def _prove_open(self) -> None:
        """The regime that is being opened is kept, takes over, or is dropped."""
        entry = self._candidate.see(self.now)
        kept = entry.standing is Standing.KEPT
        if not kept and proves_itself(entry, self._candidate.explains, self.config):
            kept = True
            self._note("kept", entry.index)
        if self._candidate.takes_over(kept=kept):
            self._judge_anew()
            known = self._merge(entry.index) if self.memory.pools and kept else entry.index
            self._enter(known)
        elif not kept and entry.transitions >= self.config.hopeless:
            self._drop(entry.index)
            self.memory.rest()
            self._changed = self.now
            self.phase = Phase.BRIDGED
            self._fresh()

    def _open(self, nearest: int, steps: Steps) -> None:
        gone = self._candidate.open(nearest, steps, self.now, (self.force.regime,))
        if gone is not None:
            self._labels.gone(gone)
            self._note("gone", gone)
        assert self.opening is not None
        self.phase = Phase.OPENING
        self._labels.opened(self.opening)
        for row in self._lessons.rows:
            self._cover(row)
        self._note("opened", self.opening)

    # ------------------------------------------------------------------ learning
    def _release(self) -> None:
        """Hand transitions to learning that are old enough and not suspected."""
        until = self.now - self.config.withheld
        if self.phase is Phase.KNOWN and (since := self.watch.since) is not None:
            until = min(until, since - 1)
        for row in self._lessons.release(until, self._changed):
            self._cover(row)

    def _cover(self, row: Row) -> None:
        """Note where the regime that is being learned was seen."""
        regime = self._learned()
        if regime is not None:
            add(self.memory.regimes[regime], self._bridge.base, row[0], row[1])

    def _learned(self) -> int | None:
        """The regime that is being learned, if one is."""
        regime = self.force.regime if self.opening is None and self.phase is Phase.KNOWN else self.opening
        return None if regime == NOMINAL else regime

    def learn(self, count: int, generator: torch.Generator, learner: Learner = INLINE) -> float | None:
        """Have learning steps taken on what is being learned; returns the loss, ``None`` if nothing was learned yet."""
        loss, regime, count = learner.collect(self.memory), self._learned(), learner.ready(count)
        if regime is not None and count and (steps := self._lessons.steps(self._error())) is not None:
            now = learner.learn(self.memory, regime, steps, count, generator)
            loss = loss if now is None else now
        if self.phase is Phase.KNOWN:
            self.force = InForce(self.force.regime, self.memory.context(self.force.regime))
        return loss

    def predict(self, observation: Tensor, action: Tensor) -> Tensor:
        """The change [D] that is expected now of an action [A] at an observation [S]."""
        known = InForce(self.force.regime) if self.phase is Phase.KNOWN else self.force
        return self._explaining.expected(known, observation, action)

    def _note(self, what: str, regime: int) -> None:
        self.events.append((self.now, what, regime))

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides what is believed next, as plain data; the memory is saved beside it."""
        return {
            "watch": self.watch.state_dict(),
            "now": self.now,
            "alarms": self.alarms,
            "phase": self.phase.value,
            "force": [self.force.regime, None if self.force.context is None else self.force.context.clone()],
            "changed": self._changed,
            "events": [list(event) for event in self.events],
            "labels": self._labels.state_dict(),
            **self._evidence.state_dict(),
            **self._candidate.state_dict(),
            **self._lessons.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned; the memory is restored already."""
        self.watch.load_state_dict(state["watch"])
        self.now, self._changed, self.alarms = (int(state[key]) for key in ("now", "changed", "alarms"))
        self.phase = Phase(state["phase"])
        regime, context = state["force"]
        self.force = InForce(int(regime), None if context is None else context.clone())
        self.events = deque(((int(at), str(what), int(regime)) for at, what, regime in state["events"]), 1000)
        if "labels" in state:  # memories of before nobody told anything
            self._labels.load_state_dict(state["labels"])
        for part in (self._evidence, self._candidate, self._lessons):
            part.load_state_dict(state)
