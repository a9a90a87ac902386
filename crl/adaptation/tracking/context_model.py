"""What a body does under a context, as the identifier and the nominal model predict it, and how wrong that may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration
from crl.adaptation.identification.identifier import Identifier
from crl.adaptation.nominal_model import NominalModel, extended, replaced
from crl.adaptation.tracking.window import Row, columns


@dataclass(frozen=True)
class ContextModel:
    """Predicts transitions under contexts.

    Attributes:
        identifier: Says what a context makes of commands, and the relative error of its predictions.
        nominal: The nominal model.
        calibration: Distribution of its residuals.
        box: The action box.
    """

    identifier: Identifier
    nominal: NominalModel
    calibration: Calibration
    box: Box

    def residuals(self, context: Tensor, rows: Sequence[Row]) -> Tensor:
        """Normalised residuals of transitions under a context [C], float64 [N, D]."""
        observation, action, change = columns(rows)
        contexts = context.expand(action.shape[0], -1)
        command = self.identifier.predicted_command(observation, action, contexts)
        before = self.nominal.lags
        seen = observation
        if before:
            earlier = self.identifier.predicted_command(observation, observation[..., before], contexts)
            seen = replaced(observation, before, self.box.clip(earlier))
        return self.calibration.whiten(change - extended(self.nominal, seen, command, self.box))

    def error_allowance(self, residuals: Tensor, nominal: Tensor) -> Tensor:
        """Model-error allowance [N] of transitions: mean squares that a prediction may be wrong by.

        A prediction under a context is wrong by a share of the regime's effect. The effect is the difference of the
        residuals that it explains.

        Args:
            residuals: Residuals under the hypothesis, [N, D].
            nominal: Residuals of the nominal body, [N, D].
        """
        return self.identifier.relative_error**2 * (nominal - residuals).square().mean(dim=-1)

    @cached_property
    def nominal_features(self) -> Tensor:
        """What the flow reads of the nominal context, [F]."""
        return self.identifier.features(self.identifier.nominal)
