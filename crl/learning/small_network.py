"""A small network as named tensors: what tasks need beside their dynamics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

HIDDEN = 64
"""Units of each of the two hidden layers."""


def empty(inputs: int, outputs: int, device: torch.device, members: int = 1) -> dict[str, Tensor]:
    """Zero weights and biases by name, of two hidden layers.

    Args:
        inputs: Number N of inputs.
        outputs: Number O of outputs.
        device: Where tensors live.
        members: Number V of networks. One has matrices [N, O] and biases [O], several have [V, N, O] and [V, 1, O].
    """
    widths: Sequence[int] = (inputs, HIDDEN, HIDDEN, outputs)
    several = (members,) if members > 1 else ()
    parameters = {}
    for layer, (inside, outside) in enumerate(zip(widths, widths[1:], strict=False)):
        parameters[f"matrix{layer}"] = torch.zeros(*several, inside, outside, device=device)
        parameters[f"bias{layer}"] = torch.zeros(*several, *(1 for _ in several), outside, device=device)
    return parameters


def draw(parameters: Mapping[str, Tensor], generator: torch.Generator) -> None:
    """Draw first weights in place: normal, with a deviation of one over the root of the inputs; biases stay 0."""
    for name, parameter in parameters.items():
        if name.startswith("matrix"):
            drawn = torch.randn(parameter.shape, generator=generator) / parameter.shape[-2] ** 0.5
            parameter.copy_(drawn.to(parameter.device))


def forward(parameters: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
    """Outputs [..., O] of inputs [..., N]; of several networks [V, B, O], of inputs [B, N] or [V, B, N]."""
    x = inputs
    for layer in ("0", "1"):
        x = torch.nn.functional.silu(x @ parameters[f"matrix{layer}"] + parameters[f"bias{layer}"])
    return x @ parameters["matrix2"] + parameters["bias2"]


def deviation(rows: Tensor) -> Tensor:
    """Deviation [N] of rows [B, N], and 1 for an element that does not vary."""
    found = rows.std(dim=0, correction=0)
    return torch.where(found < 1e-6, 1.0, found)
