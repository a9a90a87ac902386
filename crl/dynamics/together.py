"""Losses of several models of one shape, and their gradients, with the models as one more batch dimension.

Each model has weights, normalisers and rows of its own. What is computed is what
:meth:`crl.dynamics.model.DynamicsModel.loss` and its backward pass compute for each of them; the results differ by
float32's rounding. At this size an operation costs more than its arithmetic, so that several models hardly cost more
operations than one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crl.dynamics.model import DynamicsModel, Normalisers, deal
from crl.dynamics.network import ACTIVATIONS, TargetNetwork
from crl.dynamics.windows import Windows


def losses_together(
    model: DynamicsModel, weights: Sequence[Tensor], normalisers: Sequence[Normalisers], windows: Sequence[Windows]
) -> tuple[Tensor, Tensor]:
    """Losses [M] of M models, and each one's gradient [M, P] by its own weights.

    Args:
        model: Features, shape and kind of loss, which all share. Its head gives no variance.
        weights: Target weights [P] of every model, of the model's own network.
        normalisers: Those of every model.
        windows: Rows of every model, of one shape; a multiple of the ensemble's members.
    """
    network = model.network
    count, members = len(weights), network.ensemble
    mean = _each([torch.cat([one.features.mean, one.actions.mean]) for one in normalisers], members)
    std = _each([torch.cat([one.features.std, one.actions.std]) for one in normalisers], members)
    scale = _each([one.changes.std for one in normalisers], members)
    stacked = torch.stack([one.detach() for one in weights]).requires_grad_()
    layers = _layers(network, stacked)
    act = ACTIVATIONS[network.activation]
    state = _dealt([one.observation for one in windows], members)
    total = torch.zeros(count, device=state.device)
    length = windows[0].actions.shape[0]
    for step in range(length):
        action = _dealt([one.actions[step] for one in windows], members)
        truth = _dealt([one.next_observations[step] for one in windows], members)
        x = (torch.cat([model.features.encode(state), action], dim=-1) - mean) / std
        for matrix, bias in layers[:-1]:
            x = act(torch.baddbmm(bias, x, matrix))
        change = torch.baddbmm(layers[-1][1], x, layers[-1][0])
        errors = model.error(change, None, model.features.change(state, truth) / scale, reduction="none")
        total = total + errors.view(count, -1).mean(dim=1)
        if step + 1 < length:
            state = model.features.apply(state, change * scale, action)
    losses = total / length
    (gradients,) = torch.autograd.grad(losses.sum(), stacked)
    return losses.detach(), gradients


def _layers(network: TargetNetwork, stacked: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Per layer a matrix [M * E, in, out] and a bias [M * E, 1, out] of weights [M, P]."""
    parts = torch.split(stacked, network.tensor_sizes, dim=1)
    return [
        (parts[2 * at].reshape(-1, fan_in, fan_out), parts[2 * at + 1].reshape(-1, 1, fan_out))
        for at, (fan_in, fan_out) in enumerate(network.layers)
    ]


def _each(vectors: Sequence[Tensor], members: int) -> Tensor:
    """Vectors [N] of M models for each of their members, [M * E, 1, N]."""
    return torch.stack(list(vectors)).repeat_interleave(members, dim=0).unsqueeze(1)


def _dealt(rows: Sequence[Tensor], members: int) -> Tensor:
    """Rows [E * B, N] of M models, dealt as by :func:`crl.dynamics.model.deal`, [M * E, B, N]."""
    return torch.cat([deal(one, members) for one in rows])
