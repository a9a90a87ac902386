"""Contexts relative to a known regime: what bridges the time until a new regime is learned, identified in two steps.

A known regime's model takes the nominal one's place in identification (:mod:`crl.adaptation.identification`): the
context says which command of *that* body does what a command does now.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from crl.adaptation.authority import Reach, reachable_box
from crl.adaptation.box import Box, nearest_effect
from crl.adaptation.calibration import Calibration
from crl.adaptation.identification.structured import StructuredIdentifier
from crl.adaptation.identification.transitions import Window
from crl.adaptation.nominal_model import NominalModel, extended, replaced
from crl.config.sections.flow import IdentificationConfig
from crl.memory.models.base_model import BaseModel
from crl.memory.models.composing import Turned, as_effective, composed, turned
from crl.memory.models.steps import Steps

MOST = 24
"""Transitions that a context is identified from, the newest."""


class Bridge:
    """Identifies contexts relative to a regime, predicts under them and corrects planned actions by them.

    Args:
        config: Structure and priors of contexts.
        base: The model whose weights regimes have.
        box: The action box.
        calibration: Distribution of the nominal residuals.
        command: Indices of the command before in an observation, if it is observed.
        measured: Where the measured counterparts of a command are in an observation.
    """

    def __init__(
        self,
        config: IdentificationConfig,
        base: BaseModel,
        box: Box,
        calibration: Calibration,
        command: Sequence[int] = (),
        measured: Sequence[int] = (),
    ) -> None:
        self.base, self.box = base, box
        self._config, self._calibration = config, calibration
        self._command, self._measured = tuple(command), tuple(measured)
        self.contexts = self._identifier(base.weights)
        self.nominal = self.contexts.nominal

    @property
    def lag(self) -> int:
        """Steps after a change whose transitions are of two regimes: the command before was given to another body."""
        return int(bool(self._command))

    def _model(self, weights: Tensor) -> NominalModel:
        return NominalModel(partial(self._change, weights.unsqueeze(0)), self._command, self._measured)

    def _change(self, weights: Tensor, observation: Tensor, action: Tensor) -> Tensor:
        with torch.no_grad():
            return self.base.predict(weights, observation, action)[0]

    def _identifier(self, weights: Tensor) -> StructuredIdentifier:
        return StructuredIdentifier(self._config, self.box, self._model(weights), self._calibration)

    def identify(self, weights: Tensor, steps: Steps, start: Tensor | None = None) -> Tensor:
        """The context [C] of transitions relative to a regime with weights [P]; what is not finite counts as nominal.

        Args:
            weights: The regime's.
            steps: Transitions; the newest 24 count.
            start: Where to begin, [C].
        """
        rows = steps[-MOST:]
        with torch.no_grad():
            window = Window.of(rows.observation, rows.action, rows.change)
            context = self._identifier(weights).identify(window, start).context[0]
        return context if bool(torch.isfinite(context).all()) else self.nominal

    def predict(self, weights: Tensor, context: Tensor, observation: Tensor, action: Tensor) -> Tensor:
        """Changes [R, N, D] under contexts [R, C] relative to one regime, of observations [N, S], actions [N, A]."""
        regimes, rows = context.shape[0], action.shape[0]
        contexts = context.repeat_interleave(rows, dim=0)
        seen, sent = observation.repeat(regimes, 1), action.repeat(regimes, 1)
        command = self.contexts.predicted_command(seen, sent, contexts).to(action)
        if self._command:
            at = list(self._command)
            earlier = self.contexts.predicted_command(seen, seen[:, at], contexts).to(action)
            seen = replaced(seen, at, self.box.clip(earlier))
        return extended(self._model(weights), seen, command, self.box).view(regimes, rows, -1)

    def turned(self, context: Tensor) -> tuple[Turned, ...]:
        """What a context [C] makes of what a network reads of commands; a slow response is no part of it."""
        return turned(self.base, partial(self.effective, context), self.box.size, self._command)

    def composed(self, weights: Tensor, turns: Sequence[Turned]) -> Tensor:
        """Weights [P] of the network that a regime's network is under a context relative to it."""
        return composed(self.base, weights, turns)

    def as_effective(self, context: Tensor, steps: Steps) -> Steps:
        """Transitions whose commands are those of the regime beneath that they amount to under a context [C]."""
        return as_effective(steps, partial(self.effective, context), self._command)

    def effective(self, context: Tensor, action: Tensor) -> Tensor:
        """The commands [..., A] of the regime beneath that actions [..., A] amount to under a context [C]."""
        flat = action.reshape(-1, action.shape[-1])
        return self.contexts.effective(flat, context.expand(len(flat), -1)).to(action).view_as(action)

    def reachable(self, context: Tensor) -> Box:
        """See :func:`crl.adaptation.authority.reachable_box`."""
        return reachable_box(self.contexts, context, self.box)

    def reach(self, context: Tensor) -> Reach | None:
        """See :meth:`crl.adaptation.authority.Reach.of`."""
        return Reach.of(self.contexts, context, self.box)

    def correct(self, context: Tensor, planned: Tensor) -> Tensor:
        """The action [A] inside the box whose effect is nearest to that of a planned one [A], in half ranges."""
        return nearest_effect(partial(self.effective, context), planned, self.box)
