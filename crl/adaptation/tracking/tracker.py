"""The tracker of regimes decides *when* the regime changes; an identifier only says *which* regime it is.

The hypothesis in force must explain each new transition. CUSUMs of the normalised residuals collect contradictions. At
an alarm the window is cut to the transitions that contradict, and a hypothesis is selected for them: the end of a fault
is a change like its beginning. The end is also watched for by a likelihood ratio, since its outcome is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration, statistics
from crl.adaptation.identification.identifier import Identifier
from crl.adaptation.nominal_model import NominalModel
from crl.adaptation.tracking.alarms import Alarms
from crl.adaptation.tracking.comparison import LEAST
from crl.adaptation.tracking.context_model import ContextModel
from crl.adaptation.tracking.decision import Belief, decide, nominal
from crl.adaptation.tracking.hypotheses import Nominal
from crl.adaptation.tracking.regime import Regime
from crl.adaptation.tracking.trust import Trust
from crl.adaptation.tracking.window import TransitionWindow
from crl.config.sections.flow import TrackingConfig


class RegimeTracker:
    """Follows the regime of one body from its executed transitions.

    Args:
        config: Settings of the window, of alarms and of what is acted upon.
        identifier: Finds contexts.
        model: The nominal model, which must not learn meanwhile.
        calibration: Distribution of its residuals.
        box: The action box.

    Attributes:
        belief: The hypothesis in force, and whether it explains the window.
        trust: How well the corrections in force have predicted; while it is lost, nothing is acted upon.
    """

    def __init__(
        self, config: TrackingConfig, identifier: Identifier, model: NominalModel, calibration: Calibration, box: Box
    ) -> None:
        self.config = config
        self.identifier = identifier
        self._model = ContextModel(identifier, model, calibration, box)
        self._window = TransitionWindow(config.window, config.delays, model, calibration, box)
        self._alarms = Alarms(config, calibration)
        self.trust = Trust(calibration.allowance)
        self.reset()

    def reset(self) -> None:
        """Believe in the nominal body again, and forget all evidence."""
        self._window.reset()
        self._alarms.reset()
        self.trust.reset()
        self._unexplained = 0
        self.belief = Belief(Nominal(self._model))

    @property
    def backing_off(self) -> bool:
        """Whether no care is taken for now, because alarms were repeated."""
        return not self._alarms.backoff.over(self._window.now)

    @property
    def excitation(self) -> Tensor:
        """Root mean square of every element of recent commands, in half ranges, [A]; it fades over a window."""
        return self._window.excitation

    @property
    def regime(self) -> Regime:
        """The regime in force."""
        force, explains = self.belief.hypothesis, self.belief.explains
        confident = force.delay == 0 and force.confidence >= self.config.min_confidence
        active, delay = explains and confident and not self.trust.lost, force.delay if explains else 0
        return Regime(active, force.context, force.confidence, self._alarms.changes, delay, force.off)

    def observe(self, observation: Tensor, executed: Tensor, change: Tensor) -> Regime:
        """Take note of one executed transition: [S], [A] and the wrapped change [D]; one not finite is ignored."""
        if all(bool(torch.isfinite(part).all()) for part in (observation, executed, change)):
            self._remember(observation, executed, change)
            foretold = self._judge()
            if due := self.belief.hypothesis.off and self._alarms.due(self._window.now, self._unexplained):
                self._decide()
            self._detect(foretold, decided=due)
            wanting = self.belief.hypothesis.off and not self.belief.explains
            self._unexplained = self._unexplained + 1 if wanting else 0
        return self.regime

    def _remember(self, observation: Tensor, executed: Tensor, change: Tensor) -> None:
        """Add a transition to the window; what leaves it may be remembered of the hypothesis in force."""
        force, explains = self.belief.hypothesis, self.belief.explains
        row = self._window.add(observation, executed, change, explained=explains or not force.off)
        if row is not None and explains and force.remember(row, self.config.memory):
            self.belief = replace(self.belief, aside=None)

    def _judge(self) -> tuple[Tensor, Tensor] | None:
        """Trust is gained or lost by what the context in force has predicted of the newest transition.

        Returns:
            The residual of an imperfect hypothesis, [D], before it is fitted to the transition, and what it is allowed.
        """
        force, newest = self.belief.hypothesis, self._window.rows[-1]
        if not force.off or self.belief.explains:
            self.trust.settled()
        if not force.off or force.delay:
            return None
        residual, allowance = force.residual(newest)
        note = self.trust.predicted if self.belief.explains else self.trust.tried
        note(float(residual.square().mean()), float(newest.nominal.square().mean()))
        return (residual, allowance + self.belief.model_error) if self.belief.model_error else None

    def _detect(self, foretold: tuple[Tensor, Tensor] | None, *, decided: bool) -> None:
        """Raise an alarm if the newest transitions contradict the hypothesis in force.

        An imperfect hypothesis is fitted to every window that it leaves little of, and would follow another regime step
        by step. So it is judged by what it foretold.
        """
        force, newest = self.belief.hypothesis, self._window.rows[-1]
        if foretold is not None and self.belief.model_error:
            residual, allowance = foretold
        else:
            residual, allowance = force.residual(newest)
            allowance = allowance + self.belief.model_error
        if self.belief.explains:
            if self.config.memory and not decided:
                force.credit(0.5 * float((newest.nominal.square() - residual.square()).sum() / (1 + allowance)))
            if self._alarms.end.update(newest.nominal, residual, allowance):
                self._alarms.backoff.alarm(self._window.now)
                self._change(self._alarms.end.steps)
                self.belief = nominal(self.belief, self._model)
                return
        elif not force.off and self._relapsed():
            return
        if self._alarms.contradicts(statistics(residual, allowance)):
            self._alarms.backoff.alarm(self._window.now)
            steps = self._alarms.contradiction.since()
            # Nothing explained what came before either: keep enough to tell whether a context helps.
            unknown = force.off and not self.belief.explains and not self.belief.mixed
            self._change(max(steps, LEAST) if unknown else steps)
            # Two identifications in a step would delay the next command; after an alarm the next step decides again.
            if not decided:
                self._decide()

    def _relapsed(self) -> bool:
        """Whether a fault has not ended: soon after its end, the context that was in force explains more again."""
        aside, newest = self.belief.aside, self._window.rows[-1]
        if aside is None or not self._alarms.recent(self._window.now):
            self.belief = replace(self.belief, aside=None)
            return False
        residual, allowance = aside.residual(newest)
        if not self._alarms.relapse.update(residual, newest.nominal, allowance) or self.trust.lost:
            return False
        self._alarms.backoff.take_back()  # the alarm at the end
        self._change(self._alarms.relapse.steps)
        self.belief = Belief(aside.recalled(), explains=True)
        return True

    def _change(self, steps: int) -> None:
        """The regime changed so many steps ago: what was observed before does not count any more."""
        self._window.cut(steps)
        self._alarms.changed(self._window.now)
        self.belief = self.belief.retired()

    def _decide(self) -> None:
        """Decide on a hypothesis for the window."""
        promising = self.trust.promising
        self.belief = decide(self.belief, self._window.rows, self._model, self.config, promising=promising)
        if not self.belief.hypothesis.off:
            self._alarms.end.reset()

    def state_dict(self) -> dict[str, Any]:
        """Evidence and what is believed of it, as plain data."""
        window, alarms, belief = (part.state_dict() for part in (self._window, self._alarms, self.belief))
        return {
            "window": window,
            "alarms": alarms,
            "belief": belief,
            "trust": self.trust.state_dict(),
            "unexplained": self._unexplained,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._window.load_state_dict(state["window"])
        self._alarms.load_state_dict(state["alarms"])
        self.trust.load_state_dict(state["trust"])
        self._unexplained = int(state["unexplained"])
        self.belief = Belief.from_state(self._model, state["belief"])
