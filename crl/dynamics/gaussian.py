"""Gaussian head: a soft-bounded log-variance per dimension and its likelihood.

Bounds as in Chua et al. 2018 (PETS) and Huang et al. 2021: lv <- max - softplus(max - lv), then
lv <- min + softplus(lv - min). The bounds are trained with the penalty 0.01 (sum max - sum min) on the first
task and frozen afterwards, because all tasks share them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

PENALTY = 0.01
INITIAL_MIN, INITIAL_MAX = -10.0, 0.5


def initial_bounds(size: int) -> Tensor:
    """Bounds [2, D]: least and greatest log-variance."""
    return torch.stack([torch.full((size,), INITIAL_MIN), torch.full((size,), INITIAL_MAX)])


def bounded(log_variance: Tensor, bounds: Tensor) -> Tensor:
    """Log-variances [..., D], bounded softly by bounds [2, D]."""
    low, high = bounds[0], bounds[1]
    log_variance = high - softplus(high - log_variance)
    return low + softplus(log_variance - low)


def negative_log_likelihood(mean: Tensor, log_variance: Tensor, target: Tensor) -> Tensor:
    """Mean Gaussian negative log-likelihood over all elements (scalar)."""
    squared = (target - mean).square() * torch.exp(-log_variance)
    return 0.5 * (squared + log_variance + math.log(2 * math.pi)).mean()


def bounds_penalty(bounds: Tensor) -> Tensor:
    """What keeps trained bounds tight: 0.01 (sum max - sum min)."""
    return PENALTY * (bounds[1].sum() - bounds[0].sum())
