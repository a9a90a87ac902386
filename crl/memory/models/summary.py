"""A few transitions that say what a last layer is: what is kept of a regime in place of the layer.

A last layer that was found by ridge regression lies in the span of the features that it was found from. A few inputs
that differ most span nearly all of that. The layer is then given by what it says there: it is solved for again from
these pseudo-transitions (Csató and Opper 2002; Snelson and Ghahramani 2006 use the term for Gaussian processes, of
which this is the one with a linear kernel of the features). They are kept as numbers of 16 bits, and the layer is
solved for from the rounded ones, so that what is used is what is kept.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LARGEST = torch.finfo(torch.float16).max
_SLACK = 1e-4
"""Weight of the size of a layer against what it says at the inputs, where they leave it open."""


def halved(values: Tensor) -> Tensor:
    """Values as 16-bit numbers, bounded to their range."""
    return values.clamp(-_LARGEST, _LARGEST).half()


def most_telling(features: Tensor, noise: float, count: int) -> list[int]:
    """Rows of features [N, F] that leave the least doubt of the others, found greedily (pivoted Cholesky).

    Args:
        features: What a last layer reads, a row per input.
        noise: Variance of an output, in units of the prior variance of a weight.
        count: How many, at most.
    """
    gram = features @ features.T
    left, found = gram.diagonal().clone(), list[int]()
    done = features.new_zeros(len(features), 0)
    for _ in range(min(count, len(features))):
        left[found] = -1.0
        at = int(left.argmax())
        column = gram[:, at] - done @ done[at]
        step = column / (column[at] + noise).sqrt()
        done = torch.cat([done, step.unsqueeze(1)], dim=1)
        left = gram.diagonal() - done.square().sum(dim=1)
        found.append(at)
    return found


def outputs(every: Tensor, few: Tensor, layer: Tensor, noise: Tensor) -> Tensor:
    """What a few inputs have to be given as outputs, [n, D], for :func:`solved` to find nearly a given layer.

    Nearly: it says nearly the same at all inputs at which it is known (least squares).

    Args:
        every: Features [N, F] of all these inputs.
        few: Features [n, F] of the few.
        layer: How the layer differs from its prior, [F, D].
        noise: Variance of each output, in units of the prior variance of a weight, [D].
    """
    gram, across = few @ few.T, every @ few.T
    both = across.T @ across + _SLACK * gram + 1e-9 * torch.eye(len(few), dtype=few.dtype)
    weights = torch.linalg.solve(both, across.T @ (every @ layer))
    told: Tensor = gram @ weights + noise * weights
    return told


def solved(few: Tensor, told: Tensor, noise: Tensor) -> Tensor:
    """How the most probable layer differs from its prior, [F, D], given outputs [n, D] for features [n, F]."""
    eye = torch.eye(len(few), dtype=few.dtype)
    gram = few @ few.T + noise.view(-1, 1, 1) * eye
    layer: Tensor = few.T @ torch.linalg.solve(gram, told.T.unsqueeze(-1))[..., 0].T
    return layer
