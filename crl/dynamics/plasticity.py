"""Signs of lost plasticity in a network: units that hardly speak, and features that span few directions.

Dormant units: Sokar et al., ICML 2023 (arXiv 2302.12902), definition 3.1. Effective rank: Roy and Vetterli, EUSIPCO
2007: the exponential of the entropy of the normalised singular values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from crl.dynamics.network import TargetNetwork

DORMANT = 0.025
"""Share of its layer's mean activity up to which a unit counts as dormant (the paper's tau)."""


PROBES = 512
"""Transitions on which agents measure the state of their network."""


@dataclass(frozen=True)
class Plasticity:
    """State of a network on a set of inputs.

    Attributes:
        dormant_units: Share of hidden units that are dormant, 0 to 1.
        effective_rank: Effective rank of the last hidden layer's activations, mean over the ensemble.
        effective_rank_share: The same as a share of that layer's width.
    """

    dormant_units: float
    effective_rank: float
    effective_rank_share: float


def dormant_units(activations: Sequence[Tensor], threshold: float = DORMANT) -> float:
    """Share of units whose mean absolute activation is at most ``threshold`` times their layer's mean.

    Args:
        activations: Per hidden layer [E, N, width].
        threshold: The paper's tau.
    """
    dormant = total = 0
    for layer in activations:
        activity = layer.abs().mean(dim=1)  # [E, width]
        mean = activity.mean(dim=1, keepdim=True)
        dormant += int((activity <= threshold * mean).sum())
        total += activity.numel()
    return dormant / total if total else 0.0


def effective_rank(features: Tensor) -> float:
    """Effective rank of features [N, width]: between 1 and width; 0 where all are zero."""
    lengths = torch.linalg.svdvals(features.double())
    total = lengths.sum()
    if float(total) == 0.0:
        return 0.0
    share = lengths / total
    return float(torch.exp(-(torch.xlogy(share, share)).sum()))


def plasticity(network: TargetNetwork, weights: Tensor, inputs: Tensor) -> Plasticity | None:
    """State of a target network with weights [P] on normalised inputs [N, in]; ``None`` if it is not finite."""
    with torch.no_grad():
        return state_of(network.layer_inputs(weights, inputs.unsqueeze(0))[1:-1])


def state_of(hidden: Sequence[Tensor]) -> Plasticity | None:
    """State of hidden layers by their activations, per layer [E, N, width]; ``None`` if one is not finite."""
    if not all(bool(torch.isfinite(layer).all()) for layer in hidden):
        return None
    ranks = [effective_rank(member) for member in hidden[-1]]
    mean = sum(ranks) / len(ranks)
    return Plasticity(dormant_units(hidden), mean, mean / hidden[-1].shape[-1])
