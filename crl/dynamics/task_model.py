"""The model of one task: the shared dynamics model with this task's weights and normalisers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.dynamics.model import DynamicsModel, Normalisers
from crl.dynamics.network import TargetNetwork
from crl.dynamics.rows import Rows


class TaskModel:
    """Predicts changes of one task, and judges other weights on its rows.

    The normalisers are read once: a model whose normalisers move must be made anew.

    Args:
        model: The dynamics model.
        weights: Target weights [P].
        normalisers: The task's normalisers.
        network: The network that the weights are for; the model's own by default.

    Attributes:
        body: What is read and predicted.
    """

    def __init__(
        self, model: DynamicsModel, weights: Tensor, normalisers: Normalisers, network: TargetNetwork | None = None
    ) -> None:
        self.model = model
        self.body = model.features
        self.weights = weights.detach()
        self.normalisers = normalisers
        self.network = network or model.network
        self._mean = torch.cat([normalisers.features.mean, normalisers.actions.mean])
        self._std = torch.cat([normalisers.features.std, normalisers.actions.std])
        self.scale = normalisers.changes.std
        """Deviation of the changes, [D]."""

    def read(self, observation: Tensor, action: Tensor) -> Tensor:
        """What the network reads, normalised [N, I], of observations [N, S] and actions [N, A]."""
        return (torch.cat([self.body.encode(observation), action], dim=-1) - self._mean) / self._std

    def predict(self, observation: Tensor, action: Tensor) -> Tensor:
        """Mean changes [N, D] over the ensemble, for observations [N, S] and actions [N, A]."""
        with torch.no_grad():
            out = self.network.forward(self.weights, self.read(observation, action).unsqueeze(0))
            return out[..., : self.body.changes].mean(dim=0) * self.scale

    def loss(self, weights: Tensor, rows: Rows) -> Tensor:
        """Mean loss (scalar) of weights [P] on rows that all members see."""
        read = (torch.cat([rows.inputs, rows.action], dim=-1) - self._mean) / self._std
        mean, log_variance = self.model.outputs(weights, read.unsqueeze(0), self.network)
        return self.model.error(mean, log_variance, (rows.change / self.scale).expand_as(mean))

    def state_dict(self) -> dict[str, Any]:
        """Weights, normalisers and what all tasks share."""
        return {
            "weights": self.weights.clone(),
            "scales": self.normalisers.state_dict(),
            "model": self.model.state_dict(),
        }

    @classmethod
    def from_state(cls, model: DynamicsModel, state: Mapping[str, Any]) -> TaskModel:
        """What :meth:`state_dict` described.

        Args:
            model: A dynamics model of the same settings, which takes over what is shared.
            state: The state.
        """
        normalisers = model.normalisers()
        with restoring.part("scales"):
            normalisers.load_state_dict(state["scales"])
        with restoring.part("model"):
            model.load_state_dict(state["model"])
        like = model.normalisers().changes.std.new_empty(model.network.size)
        return cls(model, restoring.tensor(state["weights"], "weights", like), normalisers)
