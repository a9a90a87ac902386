"""ZSCL's distillation: Zheng et al., ICCV 2023 (arXiv 2303.06628), section 3.2: the old model on a reference set.

The model is held to what it said before the task, on a reference set that belongs to no task: images and texts there.
Here it is the standard normal distribution of what the network reads, because every task's inputs are normalised to
mean zero and deviation one; nothing is kept. Deviations: squared distance of the outputs in place of cross-entropies of
similarities. :mod:`crl.continual.averages.zscl` has the paper's other half.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.config.declared.components import PARTS
from crl.continual.memories.answering import Answering


class Reference(Answering):
    """The old model's answers to inputs of no task."""

    STRENGTH = "zscl_strength"
    OPTIONS: ClassVar[dict[str, Any]] = {"zscl_strength": 1.0}
    SETTINGS = PARTS["reference"]

    def inputs(self, task: int, count: int) -> Tensor:
        """Inputs [count, in] drawn from a standard normal distribution."""
        del task
        reads = self.host.network.layers[0][0]
        return torch.randn(count, reads, generator=self.generator).to(self.host.device)
