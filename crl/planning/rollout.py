"""The hot loop that all planners share: unroll the learned model for K action sequences at once.

Everything that is constant while the weights are is folded once: normalisation into the first layer, the
scale of the changes and the mean over the ensemble into the last. A step then is one matrix product per layer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.dynamics.model import DynamicsModel, Scales
from crl.dynamics.network import ACTIVATIONS, TargetNetwork


class Rollout:
    """A task's model with its weights folded in.

    Args:
        model: The dynamics model.
        weights: Target weights [P].
        scales: The task's normalisers.
        network: The network that the weights are for; the model's own by default.
        apart: Unroll each member on its own, in place of their mean.
    """

    def __init__(
        self,
        model: DynamicsModel,
        weights: Tensor,
        scales: Scales,
        network: TargetNetwork | None = None,
        *,
        apart: bool = False,
    ) -> None:
        network = network or model.network
        self._features = model.features
        self._members = network.ensemble
        self._apart = apart
        self._act = ACTIVATIONS[network.activation]
        layers = network.unpack(weights.detach())
        mean = torch.cat([scales.features.mean, scales.actions.mean])
        std = torch.cat([scales.features.std, scales.actions.std])
        first, first_bias = layers[0]
        first = first / std.unsqueeze(-1)
        first_bias = first_bias - mean @ first if self._members == 1 else first_bias - (mean @ first).unsqueeze(1)
        # The members read the same input, so their first layers are one matrix [in, E * hidden].
        self._first = first.permute(1, 0, 2).reshape(first.shape[1], -1).contiguous()
        self._first_bias = first_bias.reshape(-1).contiguous()
        self._middle = [(matrix.contiguous(), bias.contiguous()) for matrix, bias in layers[1:-1]]
        last, last_bias = layers[-1]
        outputs = model.features.changes  # a log-variance, if there is one, is not needed to roll out the mean
        scale = scales.changes.std / (1 if apart else self._members)  # the members' sum is then their mean
        self._last = (last[..., :outputs] * scale).contiguous()
        self._last_bias = (last_bias[..., :outputs] * scale).contiguous()
        if apart:
            self._own = first.contiguous(), first_bias.reshape(self._members, 1, -1).contiguous()

    def step(self, observation: Tensor, action: Tensor) -> Tensor:
        """Next observations [K, S] for observations [K, S] and actions [K, A] (mean over the ensemble)."""
        inputs = torch.cat([self._features.encode(observation), action], dim=-1)
        x = self._act(torch.addmm(self._first_bias, inputs, self._first))
        if self._members == 1:
            for matrix, bias in self._middle:
                x = self._act(torch.addmm(bias[0, 0], x, matrix[0]))
            change = torch.addmm(self._last_bias[0, 0], x, self._last[0])
        else:
            x = x.view(x.shape[0], self._members, -1).transpose(0, 1)
            for matrix, bias in self._middle:
                x = self._act(torch.baddbmm(bias, x, matrix))
            change = torch.baddbmm(self._last_bias, x, self._last).sum(dim=0)
        return self._features.apply(observation, change)

    def step_apart(self, observation: Tensor, action: Tensor) -> Tensor:
        """Every member's next observations [E, K, S] for its own observations [E, K, S] and shared actions [K, A]."""
        inputs = torch.cat([self._features.encode(observation), action.expand(self._members, -1, -1)], dim=-1)
        first, bias = self._own
        x = self._act(torch.baddbmm(bias, inputs, first))
        for matrix, bias in self._middle:
            x = self._act(torch.baddbmm(bias, x, matrix))
        return self._features.apply(observation, torch.baddbmm(self._last_bias, x, self._last))

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        """Trajectories from one observation [S] under actions [K, H, A]; each begins with the observation.

        Returns:
            [K, H + 1, S]; with ``apart``, those of every member, [E, K, H + 1, S].
        """
        samples, horizon, _ = actions.shape
        shape = (self._members, samples) if self._apart else (samples,)
        step_on = self.step_apart if self._apart else self.step
        trajectory = observation.new_empty(*shape, horizon + 1, observation.shape[-1])
        state = observation.expand(*shape, -1)
        trajectory[..., 0, :] = state
        for step in range(horizon):
            state = step_on(state, actions[:, step])
            trajectory[..., step + 1, :] = state
        return trajectory
