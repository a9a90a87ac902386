"""Rollouts of several models of one shape, with the models as one more batch dimension.

Each model has weights, an observation and action sequences of its own. The trajectories are those of
:class:`crl.planning.rollout.Rollout` but for float32's rounding. At this size an operation costs more than its
arithmetic, so that several models hardly cost more operations than one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crl.planning.folding import affine
from crl.planning.rollout import Rollout


class RolloutsTogether:
    """Rollouts that are unrolled together.

    Args:
        rollouts: M models of equal shape and features, of which each :attr:`Rollout.joins` others.
    """

    def __init__(self, rollouts: Sequence[Rollout]) -> None:
        parts = [one.folded for one in rollouts]
        self._features = rollouts[0].features
        self._members, self._act = parts[0].members, parts[0].act
        flat = [part.flat_first() for part in parts]
        self._first = torch.stack([matrix for matrix, _ in flat])
        self._first_bias = torch.stack([bias for _, bias in flat]).unsqueeze(1)
        self._middle = [
            (torch.cat([matrix for matrix, _ in layers]), torch.cat([bias for _, bias in layers]))
            for layers in zip(*(part.middle for part in parts), strict=True)
        ]
        self._last = torch.cat([part.last for part in parts])
        self._last_bias = torch.cat([part.last_bias for part in parts])

    def __call__(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Trajectories [M, K, H + 1, S] from one observation each [M, S] under actions [M, K, H, A]."""
        models, samples, horizon, _ = actions.shape
        trajectory = observations.new_empty(models, samples, horizon + 1, observations.shape[-1])
        state = observations.unsqueeze(1).expand(-1, samples, -1)
        trajectory[:, :, 0] = state
        for step in range(horizon):
            state = self._step(state, actions[:, :, step])
            trajectory[:, :, step + 1] = state
        return trajectory

    def _step(self, observation: Tensor, action: Tensor) -> Tensor:
        """Next observations [M, K, S] for observations [M, K, S] and actions [M, K, A]."""
        models, samples, _ = observation.shape
        inputs = torch.cat([self._features.encode(observation), action], dim=-1)
        x = self._act(torch.baddbmm(self._first_bias, inputs, self._first))
        if self._members > 1:
            x = x.view(models, samples, self._members, -1).transpose(1, 2).flatten(0, 1)
        for matrix, bias in self._middle:
            x = self._act(affine(bias, x, matrix))
        change = torch.baddbmm(self._last_bias, x, self._last)
        if self._members > 1:
            change = change.view(models, self._members, samples, -1).sum(dim=1)
        return self._features.apply(observation, change, action)
