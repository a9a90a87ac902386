"""Memory aware synapses: Aljundi et al., ECCV 2018 (arXiv 1711.09601), equations 2 to 4.

A weight matters as much as the squared length of the network's output changes with it,
Omega_i = 1/N sum_n |d ||f(x_n; theta)||^2 / d theta_i|, summed over the finished tasks; the loss gets
mas_strength * sum_i Omega_i (theta_i - theta*_i)^2. No target is needed. Deviations: only the trunk is penalised
where tasks have heads of their own; the output is that of the Gaussian head in normalised units, its raw
log-variances included, because predictions depend on both.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.config.declared.components import PARTS
from crl.continual.part import Boundary
from crl.continual.penalties.anchored import Anchored
from crl.continual.penalties.fisher import CHUNK
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class MAS(Anchored):
    """Weights are held in proportion to how much the outputs depend on them."""

    STRENGTH = "mas_strength"
    OPTIONS: ClassVar[dict[str, Any]] = {"mas_strength": 1.0}
    SETTINGS = PARTS["mas"]
    BOUNDARY = Boundary.ROWS

    def first_importance(self) -> Tensor:
        """None: nothing was learned."""
        return torch.zeros_like(self.anchor)

    def end_task(self, rows: Windows) -> None:
        """Measure the sensitivity on some of the task's transitions."""
        host = self.host
        inputs = host.evaluator.inputs(host.task, rows.choose(self.config.continual.fisher_rows, self.generator))
        measured = sensitivity(host.network, host.join(host.task).detach(), inputs)
        self.importance = self.importance + measured[: len(host.trunk)]
        self.anchor = host.trunk.detach().clone()


def sensitivity(network: TargetNetwork, weights: Tensor, inputs: Tensor) -> Tensor:
    """Mean size of the derivative of the squared length of the outputs, [P].

    Args:
        network: The target network.
        weights: Its weights [P].
        inputs: Normalised inputs [N, in].
    """

    def squared_length(w: Tensor, x: Tensor) -> Tensor:
        return network.forward(w, x.view(1, 1, -1)).square().sum()

    gradient = torch.func.vmap(torch.func.grad(squared_length), in_dims=(None, 0))
    total = torch.zeros_like(weights)
    with torch.no_grad():
        for start in range(0, len(inputs), CHUNK):
            total += gradient(weights, inputs[start : start + CHUNK]).abs().sum(dim=0)
    return total / len(inputs)
