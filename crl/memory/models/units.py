"""Common units of residuals: what a residual is compared in, whichever regime left it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ALLOWED = 0.05
"""Share of the effect of a command that a prediction may be wrong by."""
GROSS = 6.0
"""Residuals beyond so many units count as this in a mean square, so that one outlier does not decide."""
TELLING = 2.0
"""A transition is informative if a command's effect, seen or predicted, is at least so many units (root mean square)
beyond the model error that is allowed."""


@dataclass(frozen=True)
class Units:
    """Common units of residuals.

    Attributes:
        unit: Robust deviation of the nominal residuals, or what does not matter, [D].
    """

    unit: Tensor

    def scaled(self, residual: Tensor, effect: Tensor, wider: Tensor | None = None) -> Tensor:
        """Residuals [..., N, D] in common units, each transition's widened by its command's effect [N, D].

        Args:
            residual: Residuals.
            effect: Effects of the commands.
            wider: What the deviations are widened by beside, [D].
        """
        unit = self.unit * (1 + ALLOWED**2 * self._square(effect)).sqrt()
        return residual / (unit if wider is None else unit + wider)

    def size(self, effect: Tensor) -> Tensor:
        """Root mean squares [..., N, 1] of effects [..., N, D] in common units."""
        return self._square(effect).sqrt()

    def _square(self, effect: Tensor) -> Tensor:
        return (effect / self.unit).square().mean(dim=-1, keepdim=True)

    def informative(self, effects: Tensor) -> Tensor:
        """Which transitions say something, bool [N], by effects of their commands [R, N, D], seen and predicted."""
        return (effects / self.unit).square().mean(dim=-1).sqrt().amax(dim=0) >= TELLING


def mean_square(scaled: Tensor) -> Tensor:
    """Mean squares [...] of residuals [..., N, D], gross ones bounded; 0 for no transition."""
    if scaled.shape[-2] == 0:
        return scaled.new_zeros(scaled.shape[:-2])
    bounded = torch.nan_to_num(scaled.abs(), nan=GROSS, posinf=GROSS).clamp_max(GROSS)
    return bounded.square().mean(dim=(-2, -1))
