"""The model that regimes are versions of: one network, whose weights are the nominal body's or another regime's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from crl.dynamics.network import ACTIVATIONS, TargetNetwork
from crl.dynamics.task_model import TaskModel
from crl.memory.models.steps import Steps

Read = Callable[[Tensor, Tensor], Tensor]
"""Maps observations [N, S] and actions [N, A] to what a network reads, normalised, [N, I]."""


@dataclass(frozen=True)
class BaseModel:
    """A network with the weights of the nominal body.

    Attributes:
        network: The network; its first D outputs are normalised changes, the mean over its members.
        weights: Weights of the nominal body, [P].
        read: What it reads.
        scale: Deviation of the changes, [D].
        reads: Number S of elements of an observation; S + D where it ends with the changes of the step before.
        remembered: Number of these changes: D or 0. They are read between the command before and the action.
    """

    network: TargetNetwork
    weights: Tensor
    read: Read
    scale: Tensor
    reads: int
    remembered: int = 0

    @classmethod
    def of(cls, model: TaskModel, remembered: int = 0) -> BaseModel:
        """The base that a fitted model of a body is, which reads so many changes of the step before."""
        reads = model.body.size + remembered
        return cls(model.network, model.weights.clone(), model.read, model.scale, reads, remembered)

    @property
    def size(self) -> int:
        """Number D of changes."""
        return int(self.scale.shape[0])

    def predict(self, weights: Tensor, observation: Tensor, action: Tensor) -> Tensor:
        """Changes [R, N, D] of regimes with weights [R, P], for observations [N, S] and actions [N, A]: one batch."""
        x = self.read(observation, action)
        regimes, members = weights.shape[0], self.network.ensemble
        x = x.expand(regimes * members, -1, -1)
        at, layers = 0, self.network.layers
        act = ACTIVATIONS[self.network.activation]
        for number, (fan_in, fan_out) in enumerate(layers):
            size = members * fan_in * fan_out
            matrix = weights[:, at : at + size].reshape(regimes * members, fan_in, fan_out)
            bias = weights[:, at + size : at + size + members * fan_out].reshape(regimes * members, 1, fan_out)
            at += size + members * fan_out
            x = torch.baddbmm(bias, x, matrix)
            if number + 1 < len(layers):
                x = act(x)
        return x[..., : self.size].view(regimes, members, -1, self.size).mean(dim=1) * self.scale

    def loss(self, weights: Tensor, steps: Steps) -> Tensor:
        """Mean squared error of the members' normalised changes, for weights [P] on transitions (scalar)."""
        out = self.network.forward(weights, self.read(steps.observation, steps.action).unsqueeze(0))
        return (out[..., : self.size] - steps.change / self.scale).square().mean()
