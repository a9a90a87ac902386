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
FAR = 0.1
"""A context that explains the motion imperfectly may leave this share of the nominal body's squares: less than a third
of its deviation."""
LEAST = 3
"""Transitions that it takes to tell. A context of two gains leaves little of one transition whatever happened."""
STAY = 0.5
"""One in force stays while it leaves no more than this share."""
ALLOWED = 2.0
"""One transition may leave so many times the mean square that the window leaves."""


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
        return self._better(fit) and self.unsound(fit) <= SOUND

    def helps(self, fit: Fit, *, promising: bool = False) -> bool:
        """Whether it leaves far less than the nominal body does, though not little enough to explain the window.

        A transition counts here by its squares, as it is. So those that show most of the fault decide. If it is
        ``promising``, because contexts like it have predicted well, half is little enough.
        """
        share = STAY if promising else FAR
        return len(self.rows) >= LEAST and self._better(fit) and self.share(fit) <= share

    def fails(self, fit: Fit) -> bool:
        """Whether a context that helped does so no longer.

        A window in which it predicts nearly the same as the nominal body says nothing of it: commands are too small.
        """
        claimed = float(squares(self._nominal - fit.residuals).sum() / squares(self._nominal).sum())
        return claimed > FAR and self.share(fit) > STAY

    def model_error(self, fit: Fit) -> float:
        """Mean square that one transition may leave under a hypothesis which helps.

        It is bounded by what a hypothesis may leave that begins to help. So a new regime contradicts an old context,
        although its transitions come into the window by and by.
        """
        return ALLOWED * min(float(squares(fit.residuals).mean()), FAR * float(squares(self._nominal).mean()))

    def _better(self, fit: Fit) -> bool:
        unusual = max(0.0, self.worst - len(self.rows) * self._calibration.usual)
        return self.worst - fit.misfit > max(HALF * unusual, self.chance)

    def share(self, fit: Fit) -> float:
        """What it leaves of the nominal body's squares."""
        return float(squares(fit.residuals).sum() / squares(self._nominal).sum())

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
