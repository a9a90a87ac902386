"""Folds what is constant while the weights are.

Normalisation goes into the first layer, the scale of the changes and the mean over the ensemble into the last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from crl.dynamics.model import DynamicsModel, Normalisers
from crl.dynamics.network import ACTIVATIONS, TargetNetwork


@dataclass(frozen=True)
class Folded:
    """The layers of an ensemble that reads features and actions as they are and gives changes in their units.

    Attributes:
        first: Matrix of the first layer, [E, in, hidden].
        first_bias: Its bias, [E, 1, hidden].
        middle: Matrices [E, hidden, hidden] and biases [E, 1, hidden].
        last: Matrix of the last layer, [E, hidden, D].
        last_bias: Its bias, [E, 1, D].
        members: Members E.
        activation: The activation's name.
    """

    first: Tensor
    first_bias: Tensor
    middle: list[tuple[Tensor, Tensor]]
    last: Tensor
    last_bias: Tensor
    members: int
    activation: str

    @property
    def act(self) -> Callable[[Tensor], Tensor]:
        """The activation."""
        found: Callable[[Tensor], Tensor] = ACTIVATIONS[self.activation]
        return found

    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """Matrix [E, in, out] and bias [E, 1, out] of every layer."""
        return [(self.first, self.first_bias), *self.middle, (self.last, self.last_bias)]

    def member(self, index: int) -> Folded:
        """One member alone."""
        layers = [(matrix[index : index + 1], bias[index : index + 1]) for matrix, bias in self.layers()]
        return Folded(*layers[0], layers[1:-1], *layers[-1], 1, self.activation)

    def held(self, start: int, values: Tensor) -> Folded:
        """The same networks where some inputs always have the same values, and are read no more.

        Args:
            start: The first of these inputs.
            values: Their values, [n].
        """
        left, told, right = self.first.split([start, len(values), self.first.shape[1] - start - len(values)], dim=1)
        bias = self.first_bias + (values @ told).unsqueeze(1)
        return replace(self, first=torch.cat([left, right], dim=1), first_bias=bias)

    def flat_first(self) -> tuple[Tensor, Tensor]:
        """The first layers of all members, which read the same, as one matrix [in, E * hidden] with one bias."""
        matrix = self.first.permute(1, 0, 2).reshape(self.first.shape[1], -1).contiguous()
        return matrix, self.first_bias.reshape(-1).contiguous()


def fold(
    model: DynamicsModel,
    weights: Tensor,
    normalisers: Normalisers,
    network: TargetNetwork | None = None,
    *,
    apart: bool = False,
) -> Folded:
    """Fold a task's normalisers into its weights.

    Args:
        model: The dynamics model.
        weights: Target weights [P].
        normalisers: The task's normalisers.
        network: The network that the weights are for; the model's own by default.
        apart: Keep the members' changes apart; else their sum is the mean change.
    """
    network = network or model.network
    layers = network.unpack(weights.detach())
    members = network.ensemble
    mean = torch.cat([normalisers.features.mean, normalisers.actions.mean])
    std = torch.cat([normalisers.features.std, normalisers.actions.std])
    first, bias = layers[0]
    first = first / std.unsqueeze(-1)
    bias = bias - mean @ first if members == 1 else bias - (mean @ first).unsqueeze(1)
    middle = [(matrix.contiguous(), part.contiguous()) for matrix, part in layers[1:-1]]
    last, last_bias = layers[-1]
    outputs = model.features.changes  # a log-variance, if there is one, is not needed to unroll the mean
    scale = normalisers.changes.std / (1 if apart else members)
    return Folded(
        first,
        bias,
        middle,
        (last[..., :outputs] * scale).contiguous(),
        (last_bias[..., :outputs] * scale).contiguous(),
        members,
        network.activation,
    )
