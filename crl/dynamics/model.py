"""The dynamics model: features -> normaliser -> target network (weights given) -> change of the observation.

f(x, a; w) of Huang et al. 2021. The weights are made by a retention strategy; this module knows how to judge
them on data (one-step or unrolled loss, squared, Huber or Gaussian) and how to predict with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from crl import restoring
from crl.config import DynamicsConfig
from crl.dynamics import gaussian
from crl.dynamics.features import FeatureMap, Features
from crl.dynamics.network import TargetNetwork
from crl.dynamics.normaliser import Normaliser
from crl.dynamics.windows import Windows
from crl.types import ActionSpec, ObservationSpec


class Normalisers:
    """The three normalisers of a task: features, actions and changes.

    Args:
        features: What is read and predicted.
        actions: Number A of action elements.
    """

    def __init__(self, features: Features, actions: int) -> None:
        device = features.feature_floor.device
        self.features = Normaliser(features.feature_floor)
        self.actions = Normaliser(torch.full((actions,), 1e-6, device=device))
        self.changes = Normaliser(features.scale_floor, centred=True)

    def parts(self) -> dict[str, Normaliser]:
        """The normalisers by name."""
        return {"features": self.features, "actions": self.actions, "changes": self.changes}

    def begin_at(self, others: Normalisers, weight: float) -> None:
        """Begin at those of another task, which count as ``weight`` rows."""
        for name, part in others.parts().items():
            self.parts()[name].begin_at(part, weight)

    def freeze(self) -> None:
        """Keep all three as they are."""
        for part in self.parts().values():
            part.freeze()

    def state_dict(self) -> dict[str, Any]:
        """State of the three normalisers."""
        return {name: part.state_dict() for name, part in self.parts().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for name, part in self.parts().items():
            with restoring.part(name):
                part.load_state_dict(state[name])


class DynamicsModel:
    """A model of one observation and action structure, shared by all tasks of a sequence.

    Args:
        config: Sizes, loss and rollout length.
        observation: Fields of the observation.
        action: Elements of the action.
        device: Where tensors live.
        features: What is read and predicted; by default every field of the observation
            (:class:`~crl.dynamics.features.FeatureMap`). A moving body is a :class:`~crl.dynamics.body.Body`.

    Attributes:
        network: The target network (P weights).
        bounds: Log-variance bounds [2, D] of the Gaussian head, or ``None``.
    """

    def __init__(
        self,
        config: DynamicsConfig,
        observation: ObservationSpec,
        action: ActionSpec,
        device: torch.device | str = "cpu",
        features: Features | None = None,
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        self.features: Features = FeatureMap(observation, device) if features is None else features
        self.actions = action.size
        outputs = self.features.changes * (2 if config.out_var else 1)
        self.network = TargetNetwork(
            self.features.features + action.size,
            config.hidden,
            outputs,
            activation=config.activation,
            ensemble=config.ensemble,
        )
        self.bounds = gaussian.initial_bounds(self.features.changes).to(device) if config.out_var else None

    def normalisers(self) -> Normalisers:
        """Fresh normalisers for a new task."""
        return Normalisers(self.features, self.actions)

    def inputs(self, normalisers: Normalisers, observation: Tensor, action: Tensor) -> Tensor:
        """What the network reads, [..., in]: normalised features and actions of [..., S] and [..., A]."""
        return self.read(normalisers, self.features.encode(observation), action)

    def read(self, normalisers: Normalisers, features: Tensor, action: Tensor) -> Tensor:
        """What the network reads, [..., in], of features [..., F] and actions [..., A]."""
        normalised = (features - normalisers.features.mean) / normalisers.features.std
        return torch.cat([normalised, (action - normalisers.actions.mean) / normalisers.actions.std], dim=-1)

    def predict(
        self,
        weights: Tensor,
        normalisers: Normalisers,
        observation: Tensor,
        action: Tensor,
        network: TargetNetwork | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Normalised change [E, B, D] and its log-variance (or ``None``).

        Args:
            weights: Target weights [P].
            normalisers: The task's normalisers.
            observation: Observations [E, B, S] or [1, B, S].
            action: Executed actions [E, B, A] or [1, B, A].
            network: The network that the weights are for; the model's own by default.
        """
        return self.outputs(weights, self.inputs(normalisers, observation, action), network)

    def outputs(
        self, weights: Tensor, read: Tensor, network: TargetNetwork | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Normalised change [E, B, D] and its log-variance (or ``None``) for what is read, [E, B, in] or [1, B, in]."""
        out = (network or self.network).forward(weights, read)
        if self.bounds is None:
            return out, None
        mean, log_variance = out.chunk(2, dim=-1)
        return mean, gaussian.bounded(log_variance, self.bounds)

    def loss(
        self, weights: Tensor, normalisers: Normalisers, windows: Windows, network: TargetNetwork | None = None
    ) -> Tensor:
        """Mean loss of weights [P] on windows of E * B rows.

        Each member sees its own rows, dealt one by one: what comes in blocks (uniform, newest, events) reaches all.

        The model is unrolled over the window; every step's error is the difference between the predicted
        change and the change that would lead from the *predicted* to the true observation, so that angles
        and quaternions need no special case.
        """
        members = self.network.ensemble
        state = deal(windows.observation, members)
        std = normalisers.changes.std
        total = torch.zeros((), device=state.device)
        length = windows.actions.shape[0]
        for step in range(length):
            action = deal(windows.actions[step], members)
            truth = deal(windows.next_observations[step], members)
            mean, log_variance = self.predict(weights, normalisers, state, action, network)
            target = self.features.change(state, truth) / std
            total = total + self.error(mean, log_variance, target)
            if step + 1 < length:
                state = self.features.apply(state, mean * std, action)
        return total / length

    def error(
        self, mean: Tensor, log_variance: Tensor | None, target: Tensor, reduction: Literal["mean", "none"] = "mean"
    ) -> Tensor:
        """Mean error of normalised changes [E, N, D] (scalar), by the loss that the settings name.

        Args:
            mean: Predicted changes.
            log_variance: Logarithm of their variance, if the head gives it; ``reduction`` is ``mean`` then.
            target: True changes.
            reduction: ``none``: every element's error, [E, N, D].
        """
        if log_variance is not None:
            return gaussian.negative_log_likelihood(mean, log_variance, target)
        if self.config.loss == "smooth_l1":
            return functional.smooth_l1_loss(mean, target, reduction=reduction)
        return functional.mse_loss(mean, target, reduction=reduction)

    def is_event(self, observation: Tensor, next_observation: Tensor) -> Tensor:
        """Whether transitions [N] changed an event field by its threshold, bool [N]."""
        change = self.features.change(observation, next_observation).abs()
        return (change >= self.features.event).any(dim=-1)

    def state_dict(self) -> dict[str, Any]:
        """What is shared by all tasks: the log-variance bounds."""
        return {"bounds": None if self.bounds is None else self.bounds.detach().clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        if self.bounds is not None:
            self.bounds = restoring.tensor(state["bounds"], "bounds", self.bounds)


def deal(rows: Tensor, members: int) -> Tensor:
    """Rows [E * B, N] dealt to E members in turn, [E, B, N]."""
    return rows.reshape(-1, members, rows.shape[-1]).transpose(0, 1)
