"""Unrolls a body's ensemble for K action sequences at once: the hot loop of missions.

All commands are known before the first step, so their part of the first layer is one product for the whole horizon;
a body whose changes depend on its command alone is not unrolled at all. Positions, headings and goals are put
together after the last step.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import silu

from crl.dynamics.body_model import BodyModel


class BodyRollout:
    """A body's model with its normalisers folded in.

    Args:
        model: The ensemble; its mean is unrolled.
        weights: Weights [P]; the model's own by default.
    """

    def __init__(self, model: BodyModel, weights: Tensor | None = None) -> None:
        self._body = body = model.body
        self._members = model.network.ensemble
        layers = model.network.unpack((model.weights if weights is None else weights).detach())
        first, bias = layers[0]
        first = first / model.reads.std.unsqueeze(-1)
        bias = bias - model.reads.mean @ first if self._members == 1 else bias - (model.reads.mean @ first).unsqueeze(1)
        flat = first.permute(1, 0, 2).reshape(first.shape[1], -1)
        self._of_state = flat[: body.features].contiguous()
        self._of_command = flat[body.features : body.inputs].contiguous()
        self._of_action = flat[body.inputs :].contiguous()
        self._bias = bias.reshape(-1)
        self._middle = [(matrix.contiguous(), b.contiguous()) for matrix, b in layers[1:-1]]
        scale = model.scale.std / self._members
        last, last_bias = layers[-1]
        self._last = (last[..., : body.changes] * scale).contiguous()
        self._last_bias = (last_bias[..., : body.changes] * scale).sum(dim=0)
        self.offset: Tensor | None = None
        """Added to the changes of every step, [D], in axes of the present heading: an estimated disturbance."""
        self.reach: Callable[[Tensor], Tensor] | None = None
        """What the body is able to do of actions [K, H, A]; ``None``: all."""

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        """Trajectories [K, H + 1, S] from one observation [S] under actions [K, H, A]; the first is the observation."""
        body = self._body
        samples, horizon, _ = actions.shape
        if self.reach is not None:
            actions = self.reach(actions)
        driven = actions @ self._of_action + self._bias
        if body.commands:
            before = torch.cat([observation[body.command].expand(samples, 1, -1), actions[:, :-1]], dim=1)
            driven = driven + before @ self._of_command
        state = observation[body.state].expand(samples, -1)
        if not body.state:
            changes = self._network(driven.reshape(samples * horizon, -1)).view(samples, horizon, -1)
            if self.offset is not None:
                changes = changes + self.offset
            return body.assemble(observation, actions.new_zeros(samples, horizon, 0), changes, actions)
        steps = driven.transpose(0, 1).contiguous()
        found, states = [], []
        for step in range(horizon):
            change = self._network(torch.addmm(steps[step], body.read(state), self._of_state))
            if self.offset is not None:
                change = change + self.offset
            state = body.moved(state, change)
            found.append(change)
            states.append(state)
        return body.assemble(observation, torch.stack(states, dim=1), torch.stack(found, dim=1), actions)

    def _network(self, x: Tensor) -> Tensor:
        """Mean changes [N, D] from the first layer's sums [N, E * hidden]."""
        x = silu(x)
        if self._members == 1:
            for matrix, bias in self._middle:
                x = silu(torch.addmm(bias[0, 0], x, matrix[0]))
            return torch.addmm(self._last_bias[0], x, self._last[0])
        x = x.view(x.shape[0], self._members, -1).transpose(0, 1)
        for matrix, bias in self._middle:
            x = silu(torch.baddbmm(bias, x, matrix))
        return torch.bmm(x, self._last).sum(dim=0) + self._last_bias
