"""How likely transitions are under every known regime, in common units, and under none of them.

A regime's own units would mislead: a badly learned regime has wide ones, and would then explain everything. So all
residuals are divided by one robust deviation, and judged by Student's t with few degrees of freedom: one transition
that a model errs in counts little. A model errs in proportion to what a command does; 5 % of that is allowed, equally
for all regimes.

"None of them" is a hypothesis, too: that every residual is just at the limit of an absolute fit. So a poor winner of
the comparison does not win.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from crl.memory.models.units import mean_square

FREEDOM = 2.0
"""Degrees of freedom of Student's t."""
FIT = 2.5
"""Mean squared residual in common units up to which a regime explains a window."""
FARTHEST = 50.0
"""The same in a likelihood."""


def log_likelihood(scaled: Tensor, freedom: float = FREEDOM) -> Tensor:
    """Log-likelihood [...] of residuals in common units [..., D] under Student's t, less a constant.

    A residual beyond 50 units, or one that is not finite, counts as 50: no transition decides alone.
    """
    bounded = torch.nan_to_num(scaled.abs(), nan=FARTHEST, posinf=FARTHEST).clamp_max(FARTHEST)
    return -0.5 * (freedom + 1) * torch.log1p(bounded.square() / freedom).sum(dim=-1)


def limit_log_likelihood(size: int, freedom: float = FREEDOM, fit: float = FIT) -> float:
    """Log-likelihood, less the same constant, of a transition whose D residuals are at the limit of a fit."""
    return -0.5 * (freedom + 1) * size * math.log1p(fit / freedom)


@dataclass(frozen=True)
class Recall:
    """What a window says.

    Attributes:
        posterior: Of the R regimes, and of none of them at last, [R + 1].
        misfit: Mean squared residual in common units, [R].
        rows: Informative transitions.
    """

    posterior: Tensor
    misfit: Tensor
    rows: int

    def best(self) -> int | None:
        """The regime that fits best, if it is more likely than none of them and explains the window."""
        if not self.rows or len(self.misfit) == 0:
            return None
        best = int(self.posterior[:-1].argmax())
        fits = float(self.misfit[best]) <= FIT and float(self.posterior[best]) > float(self.posterior[-1])
        return best if fits else None


def recall(scaled: Tensor, informative: Tensor, freedom: float = FREEDOM) -> Recall:
    """Posterior over all regimes and "none of them", from residuals in common units [R, N, D]; equal priors.

    Args:
        scaled: Residuals of every regime.
        informative: Which transitions count, bool [N].
        freedom: Degrees of freedom.
    """
    told = scaled[:, informative]
    none = told.new_full((1,), told.shape[1] * limit_log_likelihood(told.shape[-1], freedom))
    total = torch.cat([log_likelihood(told, freedom).sum(dim=-1), none])
    return Recall(torch.softmax(total.double(), dim=0), mean_square(told), told.shape[1])
