"""The target network as a list of ordinary ``nn.Linear`` stacks, one per member."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU, "elu": nn.ELU, "tanh": nn.Tanh}


def members(weights: Tensor, widths: Sequence[int], activation: str, ensemble: int) -> list[nn.Sequential]:
    """One stack of linear layers per member, its numbers read one after another from the flat weights.

    The order in ``weights``: layer by layer, first the matrices [in, out] of all members, then their biases [out].
    """
    stacks: list[list[nn.Module]] = [[] for _ in range(ensemble)]
    at = 0
    for layer, (fan_in, fan_out) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        linears = [nn.Linear(fan_in, fan_out, dtype=weights.dtype) for _ in range(ensemble)]
        with torch.no_grad():
            for linear in linears:
                for i in range(fan_in):
                    for o in range(fan_out):
                        linear.weight[o, i] = weights[at]
                        at += 1
            for linear in linears:
                for o in range(fan_out):
                    linear.bias[o] = weights[at]
                    at += 1
        for stack, linear in zip(stacks, linears, strict=True):
            stack.append(linear)
            if layer + 2 < len(widths):
                stack.append(ACTIVATIONS[activation]())
    assert at == len(weights), "the weights hold more numbers than the network"
    return [nn.Sequential(*stack) for stack in stacks]
