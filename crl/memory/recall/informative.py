"""Which transitions tell tasks apart: where the observation has event fields, those with an event."""

from __future__ import annotations

import torch
from torch import Tensor

from crl.dynamics.features import Features


def informative(features: Features, change: Tensor) -> Tensor:
    """Whether transitions tell tasks apart, bool [N], by changes [N, D]; all do where there are no event fields."""
    if not bool(torch.isfinite(features.event).any()):
        return torch.ones(len(change), dtype=torch.bool, device=change.device)
    return (change.abs() >= features.event).any(dim=-1)
