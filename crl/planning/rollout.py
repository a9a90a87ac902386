"""The hot loop that all planners share: unroll the learned model for K action sequences at once.

Everything that is constant while the weights are is folded once (:mod:`crl.planning.folding`), so that a step is one
matrix product per layer. Where the compiled kernel is there and can do it (:mod:`crl.planning.compiling`), all steps
are one call of it; the trajectories differ by float32's rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.dynamics.model import DynamicsModel, Normalisers
from crl.dynamics.network import TargetNetwork
from crl.planning.compiling import compiled
from crl.planning.folding import affine, affine_of_one, fold


class Rollout:
    """A task's model with its weights folded in.

    Args:
        model: The dynamics model.
        weights: Target weights [P].
        normalisers: The task's normalisers.
        network: The network that the weights are for; the model's own by default.
        apart: Unroll each member on its own, in place of their mean.

    Attributes:
        features: What the model reads and predicts.
        folded: Its layers.
        joins: Whether several of its kind are better unrolled together (:mod:`crl.planning.together`).
    """

    def __init__(
        self,
        model: DynamicsModel,
        weights: Tensor,
        normalisers: Normalisers,
        network: TargetNetwork | None = None,
        *,
        apart: bool = False,
    ) -> None:
        folded = fold(model, weights, normalisers, network, apart=apart)
        self.features = model.features
        self.folded = folded
        self._members = folded.members
        self._apart = apart
        self._act = folded.act
        self._first, self._first_bias = folded.flat_first()
        self._middle = folded.middle
        self._last, self._last_bias = folded.last, folded.last_bias
        kept = [folded.member(index) for index in range(self._members)] if apart else [folded]
        found = [compiled(part, model.features.layout, model.config.kernel) for part in kept]
        self._compiled = [unroller for unroller in found if unroller is not None]
        """One of all members or, apart, one of each; none: PyTorch unrolls them."""
        self.joins = not apart and not self._compiled
        if apart:
            self._own = folded.first.contiguous(), folded.first_bias.reshape(self._members, 1, -1).contiguous()

    def step(self, observation: Tensor, action: Tensor) -> Tensor:
        """Next observations [K, S] for observations [K, S] and actions [K, A] (mean over the ensemble)."""
        inputs = torch.cat([self.features.encode(observation), action], dim=-1)
        x = self._act(torch.addmm(self._first_bias, inputs, self._first))
        if self._members == 1:
            for matrix, bias in self._middle:
                x = self._act(affine_of_one(bias[0, 0], x, matrix[0]))
            change = torch.addmm(self._last_bias[0, 0], x, self._last[0])
        else:
            x = x.view(x.shape[0], self._members, -1).transpose(0, 1)
            for matrix, bias in self._middle:
                x = self._act(affine(bias, x, matrix))
            change = torch.baddbmm(self._last_bias, x, self._last).sum(dim=0)
        return self.features.apply(observation, change, action)

    def step_apart(self, observation: Tensor, action: Tensor) -> Tensor:
        """Every member's next observations [E, K, S] for its own observations [E, K, S] and shared actions [K, A]."""
        inputs = torch.cat([self.features.encode(observation), action.expand(self._members, -1, -1)], dim=-1)
        first, bias = self._own
        x = self._act(torch.baddbmm(bias, inputs, first))
        for matrix, bias in self._middle:
            x = self._act(affine(bias, x, matrix))
        return self.features.apply(observation, torch.baddbmm(self._last_bias, x, self._last), action)

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        """Trajectories from one observation [S] under actions [K, H, A]; each begins with the observation.

        Returns:
            [K, H + 1, S]; with ``apart``, those of every member, [E, K, H + 1, S].
        """
        if self._compiled and not (actions.requires_grad or observation.requires_grad):
            found = [unroller(observation, actions)[0] for unroller in self._compiled]
            return torch.stack(found) if self._apart else found[0]
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
