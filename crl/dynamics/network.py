"""The target network: a functional MLP ensemble whose weights are one vector, made elsewhere.

f(x; w) of HyperCRL (Huang et al. 2021): w holds, member by member, every matrix and bias of E equal MLPs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from crl.errors import SettingsError

ACTIVATIONS: dict[str, Any] = {
    "silu": functional.silu,
    "relu": functional.relu,
    "elu": functional.elu,
    "tanh": torch.tanh,
}


class TargetNetwork:
    """E MLPs of one shape as a function of their flat weights [P].

    Args:
        inputs: Number of inputs.
        hidden: Sizes of the hidden layers.
        outputs: Number of outputs.
        activation: ``silu``, ``relu``, ``elu`` or ``tanh``.
        ensemble: Members E.

    Attributes:
        size: Number P of weights, all members together.
        layers: (inputs, outputs) of every layer.
        tensor_sizes: Weights per tensor, in order: matrix and bias of the first layer (all members), and so on.
    """

    def __init__(
        self, inputs: int, hidden: Sequence[int], outputs: int, *, activation: str = "silu", ensemble: int = 1
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation {activation!r} is unknown: use one of {sorted(ACTIVATIONS)}")
        if ensemble < 1:
            raise ValueError(f"ensemble must be at least 1, got {ensemble}")
        if len(hidden) == 0:
            raise SettingsError("dynamics.hidden is empty: the target network needs at least one hidden layer")
        widths = [inputs, *hidden, outputs]
        self.layers = list(zip(widths[:-1], widths[1:], strict=True))
        self.activation = activation
        self.ensemble = ensemble
        self.tensor_sizes = [
            size for fan_in, fan_out in self.layers for size in (ensemble * fan_in * fan_out, ensemble * fan_out)
        ]
        self.size = sum(self.tensor_sizes)

    def unpack(self, weights: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Views of weights [P]: per layer a matrix [E, in, out] and a bias [E, 1, out]."""
        parts = torch.split(weights, self.tensor_sizes)
        return [
            (
                parts[2 * i].view(self.ensemble, fan_in, fan_out),
                parts[2 * i + 1].view(self.ensemble, 1, fan_out),
            )
            for i, (fan_in, fan_out) in enumerate(self.layers)
        ]

    def forward(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """Outputs [E, B, out] for weights [P] and inputs [E, B, in] (or [1, B, in], shared by the members)."""
        return self.layer_inputs(weights, inputs)[-1]

    def layer_inputs(self, weights: Tensor, inputs: Tensor) -> list[Tensor]:
        """What every layer reads, and the output at last: a list of [E, B, ...], one longer than the layers."""
        x = inputs.expand(self.ensemble, -1, -1)
        act = ACTIVATIONS[self.activation]
        unpacked = self.unpack(weights)
        seen = [x]
        for i, (matrix, bias) in enumerate(unpacked):
            x = torch.baddbmm(bias, x, matrix)
            if i + 1 < len(unpacked):
                x = act(x)
            seen.append(x)
        return seen

    def members(self, weights: Tensor) -> list[tuple[TargetNetwork, Tensor]]:
        """Every member of the ensemble as a network of its own, with its weights [P / E] out of weights [P]."""
        hidden = [out for _, out in self.layers[:-1]]
        alone = TargetNetwork(self.layers[0][0], hidden, self.layers[-1][1], activation=self.activation)
        layers = self.unpack(weights)
        return [
            (alone, torch.cat([part[index].flatten() for layer in layers for part in layer]))
            for index in range(self.ensemble)
        ]

    def widened(self, columns: int) -> TargetNetwork:
        """The same network with hidden layers ``columns`` times as wide."""
        hidden = [columns * out for _, out in self.layers[:-1]]
        return TargetNetwork(
            self.layers[0][0], hidden, self.layers[-1][1], activation=self.activation, ensemble=self.ensemble
        )

    def deepened(self) -> TargetNetwork:
        """The same network with one more hidden layer, as wide as the last one."""
        hidden = [out for _, out in self.layers[:-1]]
        return TargetNetwork(
            self.layers[0][0],
            [*hidden, hidden[-1]],
            self.layers[-1][1],
            activation=self.activation,
            ensemble=self.ensemble,
        )

    @property
    def head_size(self) -> int:
        """Weights of the last layer (matrix and bias, all members), which are the last ones of w."""
        return self.tensor_sizes[-2] + self.tensor_sizes[-1]

    def initial(self, generator: torch.Generator) -> Tensor:
        """Ordinary initial weights [P]: U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for matrices and biases."""
        parts = []
        for i, size in enumerate(self.tensor_sizes):
            bound = 1 / math.sqrt(self.layers[i // 2][0])
            parts.append((2 * torch.rand(size, generator=generator) - 1) * bound)
        return torch.cat(parts)
