"""L2 regularisation: the baseline of Kirkpatrick et al., PNAS 2017 (arXiv 1612.00796), figure 2, and Continual World.

The loss gets l2_strength * sum_i (theta_i - theta*_i)^2, theta* being the weights at the end of the last task
(Wolczyk et al. 2021, section 5). Deviation: only the trunk is penalised where tasks have heads of their own.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.continual.penalties.anchored import Anchored
from crl.dynamics.windows import Windows


class L2(Anchored):
    """All weights are held alike around where the last task left them."""

    STRENGTH = "l2_strength"
    OPTIONS: ClassVar[dict[str, Any]] = {"l2_strength": 0.1}

    def first_importance(self) -> Tensor:
        """None: nothing is there to be held."""
        return torch.zeros_like(self.anchor)

    def end_task(self, rows: Windows) -> None:
        """Hold the weights where they are now."""
        del rows
        self.anchor = self.host.trunk.detach().clone()
        self.importance = torch.ones_like(self.anchor)
