"""How well hypotheses explain one window of transitions.

A prediction under a context is wrong by a share of the regime's effect. The model-error allowance forgives that share
where a change is detected, and where the best hypothesis is judged. It is not used to compare hypotheses, because the
wildest one would get the largest allowance. There a transition counts the less, the larger the effect that it shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from crl.adaptation.calibration import statistics
from crl.adaptation.tracking.context_model import ContextModel
from crl.adaptation.tracking.hypotheses import Hypothesis
from crl.adaptation.tracking.window import Row, nominal_residuals

SOUND = 2.0
"""Greatest mean square of the residuals, in units of the nominal body's allowance, at which a hypothesis explains."""
HALF = 0.5
"""A hypothesis explains a window if it explains this share of what is unusual; the nominal one does if no sum is at
this share of its threshold."""
GROSS = 1e6
"""Greatest mean square of a transition."""


@dataclass(frozen=True)
class Fit:
    """A hypothesis with the residuals of the window under it, [N, D], and their weighted sum of squares."""

    hypothesis: Hypothesis
    residuals: Tensor
    misfit: float


class Comparison:
    """Compares hypotheses on one window.

    Args:
        rows: The window, at least one transition.
        model: Predicts transitions under contexts.

    Attributes:
        worst: Misfit of the nominal body.
        chance: How much better a parameter or two explain so many nominal transitions by chance (Schwarz 1978).
    """

    def __init__(self, rows: Sequence[Row], model: ContextModel) -> None:
        self.rows = rows
        self._model = model
        self._calibration = model.calibration
        self._nominal = nominal_residuals(rows)
        self._weight = 1 + model.identifier.relative_error**2 * squares(self._nominal)
        self.worst = self._misfit(self._nominal)
        elements = len(self._calibration.mean)
        self.chance = 2 * self._calibration.allowance * math.log(max(len(rows) * elements, 2)) / elements

    def fit(self, hypothesis: Hypothesis) -> Fit:
        """How well a hypothesis explains the window."""
        residuals = hypothesis.residuals(self.rows)
        return Fit(hypothesis, residuals, self._misfit(residuals))

    def _misfit(self, residuals: Tensor) -> float:
        return float((squares(residuals) / self._weight).sum())

    def unsound(self, fit: Fit) -> float:
        """Mean square of the residuals beyond the model-error allowance, in allowances of the nominal body."""
        allowance = self._model.error_allowance(fit.residuals, self._nominal)
        return float((squares(fit.residuals) / (1 + allowance)).mean()) / self._calibration.allowance

    def convinces(self, fit: Fit) -> bool:
        """Whether it explains much more than the nominal body does, and enough."""
        unusual = max(0.0, self.worst - len(self.rows) * self._calibration.usual)
        better = self.worst - fit.misfit > max(HALF * unusual, self.chance)
        return better and self.unsound(fit) <= SOUND

    def is_usual(self) -> bool:
        """Whether the nominal body could have made the window."""
        calibration = self._calibration
        seen = torch.minimum(statistics(self._nominal), calibration.caps)
        sums = (seen - calibration.drifts).sum(dim=0)
        return not bool((sums >= HALF * calibration.thresholds).any())


def squares(residuals: Tensor) -> Tensor:
    """Mean squares [N] of residuals [N, D]; one that is not finite is as large as can be."""
    means = residuals.square().mean(dim=-1)
    return torch.where(torch.isfinite(means), means, GROSS).clamp_max(GROSS)
