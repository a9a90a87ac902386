"""Regenerative regularisation: Kumar, Marklund, Van Roy 2023 (arXiv 2308.11958), equation 1.

The loss gets l2_init_strength * sum_i (theta_i - theta0_i)^2, theta0 being the initial weights: a weight that the
current loss does not need drifts back to where learning is easy. Deviation: the trunk alone is pulled where tasks
have heads of their own.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.continual.part import Boundary, Kind
from crl.continual.penalties.anchored import Anchored


class L2Init(Anchored):
    """All weights are pulled to where they were before anything was learned."""

    KIND = Kind.PLASTICITY
    STRENGTH = "l2_init_strength"
    OPTIONS: ClassVar[dict[str, Any]] = {"l2_init_strength": 1e-3}
    BOUNDARY = Boundary.NOTHING

    def first_importance(self) -> Tensor:
        """All alike, from the start."""
        return torch.ones_like(self.anchor)
