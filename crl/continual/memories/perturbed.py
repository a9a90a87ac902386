"""Perturbed rehearsal: C3D-AD, Lu et al. 2025 (arXiv 2508.01311): old data are learned along under moved parameters.

Replay as in :mod:`crl.continual.memories.coreset`, but the kept windows are judged by w + perturbed_size * |w| * n with
n ~ N(0, 1) drawn in every step, so that what is kept holds in a neighbourhood of the weights, and the steps of later
tasks lose less of it. Deviations: the loss is the model's and not a reconstruction of features; the noise is in
proportion to the weights, so that the size means the same in every layer.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.continual.memories.memory import Memory
from crl.continual.part import HostT
from crl.dynamics.windows import Windows


class Perturbed(Memory[HostT]):
    """Kept windows are judged by weights that are moved at random."""

    OPTIONS: ClassVar[dict[str, Any]] = {"perturbed_size": 0.05}

    def __init__(self, host: HostT, name: str) -> None:
        super().__init__(host, name)
        self.size = self.number("perturbed_size")

    def loss(self, task: int, weights: Tensor, rows: Windows) -> Tensor:
        """The loss of weights [P], moved, on kept windows of a task."""
        noise = torch.randn(len(weights), generator=self.generator).to(weights)
        return super().loss(task, weights + self.size * weights.detach().abs() * noise, rows)
