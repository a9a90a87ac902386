"""The velocity field v(t, x, a, c): an MLP of the time, the point, the planned action and the context.

A field without a in its condition cannot invert a sign: a flow of x alone preserves orientation, and all paths of a
gain of -1 cross at t = 1/2. All actions are in flow coordinates (:meth:`crl.adaptation.box.Box.to_flow`).

The field begins at a guess: v = (guess - a) + network(t, x, a, guess, c). The guess is the inverse command of the
context (:meth:`crl.adaptation.identification.identifier.Identifier.inverse_command`). The network learns what the guess
lacks: the nearest action in the box where channels are coupled, and bodies that are not linear in their commands. (A
network without a guess divides by a gain of 0.1 to within a factor of two only.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import silu

from crl import restoring
from crl.dynamics.network import TargetNetwork

Velocity = Callable[[Tensor, Tensor], Tensor]
"""Maps a time (scalar tensor) and points [B, A] to velocities [B, A]."""


class VelocityField:
    """The network and what normalises its condition.

    Args:
        actions: Number A of action elements.
        features: Number F of context features.
        hidden: Hidden layers.
        generator: Draws the first weights.
    """

    def __init__(self, actions: int, features: int, hidden: Sequence[int], generator: torch.Generator) -> None:
        self.actions = actions
        self.network = TargetNetwork(1 + 3 * actions + features, list(hidden), actions)
        self.weights = self.network.initial(generator)
        # The last layer begins at zero: an untrained field is its guess.
        self.weights[-self.network.head_size :] = 0.0
        self.mean = torch.zeros(features)
        self.std = torch.ones(features)

    def normalise(self, features: Tensor) -> None:
        """Take mean and deviation of the condition from context features [N, F]."""
        self.mean = features.mean(dim=0)
        self.std = features.std(dim=0).clamp_min(1e-3)

    def velocity(
        self, weights: Tensor, time: Tensor, point: Tensor, action: Tensor, guess: Tensor, features: Tensor
    ) -> Tensor:
        """Velocities [B, A] for weights [P], times [B, 1], points, actions and guesses [B, A], features [B, F]."""
        inputs = torch.cat([time, point, action, guess, (features - self.mean) / self.std], dim=-1)
        return guess - action + self.network.forward(weights, inputs.unsqueeze(0))[0]

    def conditioned(self, action: Tensor, guess: Tensor, features: Tensor) -> Velocity:
        """The field for actions and guesses [B, A] and features [B, F]; what is constant on a path is computed once."""
        layers = [(matrix[0], bias[0, 0]) for matrix, bias in self.network.unpack(self.weights.detach())]
        (first, bias), *inner, (last, last_bias) = layers
        by_time, by_point, by_rest = first[0], first[1 : 1 + self.actions], first[1 + self.actions :]
        constant = torch.cat([action, guess, (features - self.mean) / self.std], dim=-1) @ by_rest + bias
        straight = guess - action + last_bias

        def velocity(time: Tensor, point: Tensor) -> Tensor:
            x = silu(torch.addmm(constant + time * by_time, point, by_point))
            for matrix, offset in inner:
                x = silu(torch.addmm(offset, x, matrix))
            return torch.addmm(straight, x, last)

        return velocity

    def state_dict(self) -> dict[str, Any]:
        """Weights and normalisation."""
        return {"weights": self.weights.detach().clone(), "mean": self.mean.clone(), "std": self.std.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.weights = restoring.tensor(state["weights"], "weights", self.weights)
        self.mean = restoring.tensor(state["mean"], "mean", self.mean)
        self.std = restoring.tensor(state["std"], "std", self.std)
