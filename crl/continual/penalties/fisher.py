"""Diagonal Fisher information of target weights: how much the model's predictions depend on each of them.

The model is taken as Gaussian with unit variance in normalised units, whose Fisher information is the expectation
of J^T J over the inputs (J: derivative of the outputs). Its diagonal is estimated with random projections:
E_z[(d(z . f(x; w)) / dw)^2] for z ~ N(0, 1), one z per input (Hutchinson). Unlike squared gradients of the loss it
does not vanish where the model fits well.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.dynamics.network import TargetNetwork

CHUNK = 32
"""Inputs differentiated at once: P numbers each."""


def diagonal_fisher(network: TargetNetwork, weights: Tensor, inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Diagonal of the Fisher information, [P].

    Args:
        network: The target network.
        weights: Its weights [P].
        inputs: Normalised inputs [N, in].
        generator: Source of the projections.
    """
    outputs = network.layers[-1][1]
    projections = torch.randn(len(inputs), network.ensemble, outputs, generator=generator).to(inputs.device)

    def projected(w: Tensor, x: Tensor, z: Tensor) -> Tensor:
        return (network.forward(w, x.view(1, 1, -1))[:, 0] * z).sum()

    gradient = torch.func.vmap(torch.func.grad(projected), in_dims=(None, 0, 0))
    total = torch.zeros_like(weights)
    for start in range(0, len(inputs), CHUNK):
        part = gradient(weights, inputs[start : start + CHUNK], projections[start : start + CHUNK])
        total += part.square().sum(dim=0)
    return total / len(inputs)
