"""The tracker of regimes: it decides *when* there is one; an identifier only says *which*.

In force is either the nominal body or one context c. Whatever is in force must explain each new transition; CUSUMs of
normalised residuals (:mod:`crl.flow.detection`) collect the contradictions. When one alarms, the window is cut to the
transitions that contradict, and identified anew: the end of a fault is a change like its beginning, and beside that it
is watched for by itself, since its outcome is known. A fresh window that the nominal model explains makes the nominal
body the regime again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from crl.config_missions import FlowConfig
from crl.flow.box import Box
from crl.flow.detection import Calibration, Cusum, Return, statistics
from crl.flow.identifier import Identifier, Known, Window
from crl.flow.late import LateCommands, latest, left_by
from crl.flow.misfit import HALF, SOUND, Misfit, plain
from crl.flow.nominal import Nominal
from crl.flow.transitions import Held, Row, columns, known_of
from crl.flow.trust import Trust

OLD = 5
"""A regime older than a window is identified anew every so many steps, and after every surprise."""
STEP, PROVEN = 5.0, 25.0
"""A context has proved itself by what it predicts, not by what it was fitted to: when the likelihood of steps that it
was not fitted to exceeds the nominal body's by so many nats, of which a step counts so many at the most."""
SECOND = 2
"""Windows within which the context that was in force is thought of again, after an end of the fault that was none."""


@dataclass(frozen=True)
class Regime:
    """What is known of the body now.

    Attributes:
        active: Whether the body is off nominal and the context explains it.
        context: The context in force, [C].
        confidence: How far the data speak for it, in [0, 1].
        changes: Alarms so far.
        delay: Control steps by which commands are known to be late.
    """

    active: bool
    context: Tensor
    confidence: float
    changes: int
    delay: int = 0


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
        self._misfit = Misfit(identifier, nominal, calibration, box)
        self._calibration = calibration
        self._box = box
        self._cusum = Cusum(calibration)
        self._return, self._relapse = (Return(config.false_alarms, config.evidence) for _ in range(2))
        self._late = LateCommands(nominal, calibration, config.delays)
        self._rows: list[Row] = []
        self._activity = torch.ones(box.size)
        self._now = 0
        self._changes = 0
        self._trust = Trust(config.window)
        self._since = 0
        self._newest = 0.0
        self._context, self._confidence = identifier.nominal.clone(), 0.0
        self._known: Known | None = None
        self._last: Held | None = None
        self._off = self._explains = False
        self._delay = 0
        self._proof = 0.0
        self._set_nominal()

    def reset(self) -> None:
        """Believe in the nominal body again, and forget all evidence."""
        self._rows.clear()
        self._late.reset()
        self._activity = torch.ones(self._box.size)
        self._now = 0
        self._cusum.reset()
        self._return.reset()
        self._relapse.reset()
        self._changes = 0
        self._trust.reset()
        self._since = 0
        self._newest = 0.0
        self._set_nominal()
        self._last = None

    @property
    def off(self) -> bool:
        """Whether the body is believed to be off nominal, explained or not."""
        return self._off

    @property
    def trusted(self) -> bool:
        """Whether there is trust that a context is found that is good for something."""
        return self._trust.holds(self._now)

    @property
    def excitation(self) -> Tensor:
        """Root mean square of every element of recent commands, in half ranges, [A]: over a window, fading."""
        return self._activity.sqrt()

    @property
    def regime(self) -> Regime:
        """The regime in force."""
        active = (
            self._off
            and self._explains
            and self._delay == 0
            and self._confidence >= self.config.min_confidence
            and self.trusted
        )
        return Regime(active, self._context, self._confidence, self._changes, self._delay if self._explains else 0)

    def observe(self, observation: Tensor, executed: Tensor, change: Tensor) -> Regime:
        """Take note of one executed transition: [S], [A] and the wrapped change [D]; one not finite is ignored."""
        if not all(bool(torch.isfinite(part).all()) for part in (observation, executed, change)):
            return self.regime
        self._remember(observation, executed, change)
        looked = self._off and self._due()
        if looked:
            self._look()
        unexplained = self._rows[-1].plain
        seen = statistics(unexplained)
        if self._off:
            left = self._in_force(self._rows[-1:])
            forgiven = self._misfit.forgiven(left, self._rows[-1:])[0]
            seen = statistics(left[0], forgiven)
            if self._explains and self.config.memory and not looked:
                gain = 0.5 * float((unexplained.square() - left[0].square()).sum() / (1 + forgiven))
                self._proof = min(max(self._proof + min(max(gain, -STEP), STEP), 0.0), 2 * PROVEN)
            if self._explains and self._return.update(unexplained, left[0], forgiven):
                self._trust.alarm(self._now)
                self._change(self._return.steps)
                self._set_nominal()
                return self.regime
        elif self._last is not None and self._relapsed(self._last):
            return self.regime
        self._newest = float(seen[0])
        if self._cusum.update(seen):
            self._trust.alarm(self._now)
            self._change(self._cusum.since())
            self._off = True
            # Twice in a step is too late for the next command; an alarm makes the next step a time to look.
            if not looked:
                self._look()
        return self.regime

    def _relapsed(self, last: Held) -> bool:
        """Whether the end of a fault was none: soon after it, the context that was in force explains more again."""
        if self._now - self._since > SECOND * self.config.window:
            self._last = None
            return False
        newest = self._rows[-1:]
        left = self._misfit.left(last.context, newest)
        seen = self._relapse.update(left[0], newest[0].plain, self._misfit.forgiven(left, newest)[0])
        if not seen or not self.trusted:
            return False
        self._trust.take_back()  # the alarm that the end was
        self._change(self._relapse.steps)
        self._off = self._explains = True
        self._hold(last)
        return True

    def _look(self) -> None:
        """Find out what the present window is of."""
        if self._nominal_explains():
            self._set_nominal()
        else:
            self._identify()

    def _change(self, steps: int) -> None:
        """The regime changed so many steps ago: what was observed before does not count any more."""
        self._rows = [row for row in self._rows if row.step > self._now - steps]
        self._cusum.reset()
        self._return.reset()
        self._relapse.reset()
        self._set_aside()
        self._since = self._now
        self._changes += 1

    def _due(self) -> bool:
        """Whether to identify anew: always at first and after a surprise, then only now and then.

        Without trust, at every second step at most: a body that nothing explains would cost two decisions' time each.
        """
        age = self._now - self._since
        if not self.trusted and age % 2:
            return False
        return age <= self.config.window or age % OLD == 0 or self._newest > self._calibration.allowance

    def _remember(self, observation: Tensor, executed: Tensor, change: Tensor) -> None:
        """Add a transition to the window; when it is full, the least command among its older half goes.

        All that is in the window is of one regime, however old: what contradicts it makes an alarm, which cuts the
        window. Calm flight after a fault would otherwise push out what the fault was known by. While no context
        explains the window, though, nobody knows whether it is of one regime, and the oldest goes.
        """
        self._now += 1
        self._activity += ((executed / self._box.half).square() - self._activity) / self.config.window
        seen = (observation.clone(), executed.clone(), change.clone())
        size = float(((executed - self._box.middle) / self._box.half).abs().max())
        left = self._late.left(*seen)
        row = Row(seen, self._now, size, left[0], left[1:])
        self._rows.append(row)
        self._trim()

    def _trim(self) -> None:
        """Keep to the length of the window; what leaves it may be remembered of the regime in force."""
        if len(self._rows) <= self.config.window:
            return
        older = [row.size for row in self._rows[: len(self._rows) - self.config.window // 2]]
        left = self._rows.pop(0 if self._off and not self._explains else older.index(min(older)))
        if self._explains and not self._delay and left.says is not None and self._remembers():
            faded = 1 - 1 / self.config.memory
            self._known = left.says if self._known is None else left.says.plus(self._known.faded(faded))
            self._last = None

    def _remembers(self) -> bool:
        """Whether a transition that leaves the window is remembered."""
        return self.config.memory > 0 and self._proof >= PROVEN

    def _set_aside(self) -> None:
        """Keep the context in force for a second thought, if it is remembered and has proved itself."""
        if self._known is not None and self._remembers():
            self._last = Held(self._context, self._confidence, self._known)
        self._known, self._proof = None, 0.0

    def _hold(self, held: Held) -> None:
        """Put in force what was set aside."""
        self._context, self._confidence, self._known = held.context, held.confidence, held.known
        self._last, self._proof, self._delay = None, PROVEN, 0

    def _set_nominal(self) -> None:
        self._set_aside()
        self._off = self._explains = False
        self._delay = 0
        self._return.reset()
        self._context = self.identifier.nominal.clone()
        self._confidence = 0.0

    def _identify(self) -> None:
        """Context of the present window; it counts only if it explains the window much better than nominal does.

        A context in force is given up for a better one only: an alarm may come of a moment that nothing explains.
        """
        rows = self._rows
        known = self._known if self._explains else None
        start = self._context if known is not None else None
        estimate = self.identifier.identify(Window.of(*columns(rows)), start, known)
        if self.config.memory and estimate.known is not None:
            for index, row in enumerate(rows):
                row.says = estimate.known.of(index)
        context, confidence = estimate.context[0], float(estimate.confidence[0])
        finite = bool(torch.isfinite(context).all())
        new = self._misfit.left(context, rows)
        # With nothing in force to compare it with, a finite context is taken.
        old = self._in_force(rows) if self._explains or not finite else new
        found = self._total(new) if finite else torch.inf
        held = self._total(old) if self._explains else torch.inf
        worst = self._total(plain(rows))
        if self._last is not None:
            # An alarm may have come of a moment that nothing explains: what held before has been seen for longer.
            again = self._misfit.left(self._last.context, rows)
            total = self._total(again)
            if total <= min(found, held) + self._chance():
                context, confidence = self._last.context, self._last.confidence
                new, found, held = again, total, torch.inf
                self._hold(self._last)
        # Late commands have nothing to be fitted: a context has to be better than they are by more than chance.
        taken = found < held - (self._chance() if self._delay else 0.0)
        if taken:
            self._context, self._confidence, self._delay = context, confidence, 0
        best, left = (found, new) if taken else (held, old)
        # A window may say too little of a context that is known from more.
        favour = self._chance() if self._known is None else -self._chance()
        late, delay = latest(self._misfit, rows, best + (0.0 if self._delay else favour))
        if delay:
            self._set_aside()
            self._context, self._confidence, self._delay = self.identifier.nominal.clone(), 0.0, delay
            best, left = self._total(late), late
        going_on = self._explains and best < worst and self._misfit.unsound(left, rows) <= 2 * SOUND
        self._explains = going_on or self._misfit.convinces(left, rows)

    def _in_force(self, rows: Sequence[Row]) -> Tensor:
        """Normalised residuals that what is in force leaves of transitions, [N, D]."""
        if self._delay:
            return left_by(rows, self._delay)
        return self._misfit.left(self._context, rows)

    def _total(self, left: Tensor) -> float:
        """The misfit of something that leaves residuals [N, D] of the window."""
        return self._misfit.total(left, self._rows)

    def _chance(self) -> float:
        """How much better something explains the window by chance."""
        return self._misfit.chance(len(self._rows))

    def _nominal_explains(self) -> bool:
        """Whether the nominal body could have made the window, and no context in force explains it better."""
        calibration = self._calibration
        seen = torch.minimum(statistics(plain(self._rows)), calibration.caps)
        sums = (seen - calibration.drifts).sum(dim=0)
        if bool((sums >= HALF * calibration.thresholds).any()):
            return False
        if self._explains and self._known is not None:
            return False  # a window may say too little of what is known from more; its end is watched for by itself
        return (
            not self._explains
            or self._total(plain(self._rows)) - self._total(self._in_force(self._rows)) <= self._chance()
        )

    def state_dict(self) -> dict[str, Any]:
        """Evidence and what is believed of it, as plain data."""
        return {
            "rows": [asdict(row) for row in self._rows],
            "late": self._late.state_dict(),
            "activity": self._activity.clone(),
            "delay": self._delay,
            "now": self._now,
            "cusum": self._cusum.state_dict(),
            "return": self._return.state_dict(),
            "relapse": self._relapse.state_dict(),
            "off": self._off,
            "explains": self._explains,
            "context": self._context.clone(),
            "confidence": self._confidence,
            "changes": self._changes,
            "trust": self._trust.state_dict(),
            "since": self._since,
            "newest": self._newest,
            "proof": self._proof,
            "known": None if self._known is None else asdict(self._known),
            "last": None if self._last is None else asdict(self._last),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._rows = [
            Row(**{**row, "seen": tuple(row["seen"]), "says": known_of(row["says"])}) for row in state["rows"]
        ]
        self._late.load_state_dict(state["late"])
        self._activity = state["activity"].clone()
        self._delay = int(state["delay"])
        self._now = int(state["now"])
        self._cusum.load_state_dict(state["cusum"])
        self._return.load_state_dict(state["return"])
        self._relapse.load_state_dict(state["relapse"])
        self._off, self._explains = bool(state["off"]), bool(state["explains"])
        self._context = state["context"].clone()
        self._confidence = float(state["confidence"])
        self._changes = int(state["changes"])
        self._trust.load_state_dict(state["trust"])
        self._since = int(state["since"])
        self._newest, self._proof = float(state["newest"]), float(state["proof"])
        self._known = known_of(state["known"])
        last = state["last"]
        self._last = None if last is None else Held(**{**last, "known": Known(**last["known"])})
