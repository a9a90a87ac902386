"""What the runs of a meeting compute together: rollouts that planners ask for, and losses with their gradients."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.dynamics.model import DynamicsModel, Normalisers
from crl.dynamics.network import TargetNetwork
from crl.dynamics.task_model import TaskModel
from crl.dynamics.together import losses_together
from crl.dynamics.windows import Windows
from crl.learning.computing import Computing
from crl.learning.knowledge import plain_rollout
from crl.planning.planner import Model
from crl.planning.rollout import Rollout
from crl.planning.together import RolloutsTogether
from crl.recent import Recent
from crl.training.together.meeting import Request, Seat

KEPT = 8
"""Groups of models whose stacked weights are kept: a group changes with every learning session."""


class Stacks:
    """Stacked weights of groups of rollouts; one for all runs of a meeting."""

    def __init__(self) -> None:
        self._kept: Recent[tuple[Rollout, ...], RolloutsTogether] = Recent(KEPT)

    def of(self, rollouts: tuple[Rollout, ...]) -> RolloutsTogether:
        """What unrolls them together."""
        return self._kept.get(rollouts, lambda: RolloutsTogether(rollouts))


@dataclass(frozen=True, eq=False)
class Unrolling(Request):
    """A planner wants trajectories.

    Attributes:
        rollout: The model.
        observation: Where they begin, [S].
        actions: Action sequences [K, H, A].
        stacks: Stacked weights, of all runs.
    """

    RANK: ClassVar[int] = 0

    rollout: Rollout
    observation: Tensor
    actions: Tensor
    stacks: Stacks

    @property
    def group(self) -> Hashable:
        """Models of one shape, and as many sequences."""
        folded = self.rollout.folded
        shapes = folded.first.shape, *(matrix.shape for matrix, _ in folded.middle), folded.last.shape
        return "rollout", shapes, self.actions.shape

    def together(self, requests: Sequence[Unrolling]) -> Sequence[Tensor]:
        """Trajectories [K, H + 1, S] of each."""
        with torch.inference_mode():  # planners ask in it; whoever computes may learn
            if len(requests) == 1:
                return [self.rollout(self.observation, self.actions)]
            unroll = self.stacks.of(tuple(one.rollout for one in requests))
            observations = torch.stack([one.observation for one in requests])
            return unroll(observations, torch.stack([one.actions for one in requests])).unbind(0)


@dataclass(frozen=True, eq=False)
class LossOf(Request):
    """A strategy wants the loss of weights and its gradient.

    Attributes:
        model: The dynamics model.
        weights: Target weights [P] of its own network.
        normalisers: The task's normalisers.
        windows: Rows to judge by.
    """

    RANK: ClassVar[int] = 1

    model: DynamicsModel
    weights: Tensor
    normalisers: Normalisers
    windows: Windows

    @property
    def group(self) -> Hashable:
        """Weights of one network, and as many rows."""
        network = self.model.network
        return "loss", *network.layers, network.ensemble, self.windows.actions.shape

    def together(self, requests: Sequence[LossOf]) -> Sequence[tuple[Tensor, Tensor]]:
        """Loss (scalar) and gradient [P] of each."""
        with torch.inference_mode(False), torch.enable_grad():  # whoever computes may plan
            losses, gradients = losses_together(
                self.model,
                [one.weights for one in requests],
                [one.normalisers for one in requests],
                [one.windows for one in requests],
            )
            return list(zip(losses.unbind(0), gradients.unbind(0), strict=True))


class _Known(torch.autograd.Function):
    """A loss whose gradient by its weights is known already."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        """The loss."""
        del weights
        ctx.save_for_backward(gradient)
        return loss.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None, None]:
        """The gradient by the weights."""
        (gradient,) = ctx.saved_tensors
        return outer * gradient, None, None


class ComputingTogether(Computing):
    """Computes with the other runs of a meeting what can be computed together, and the rest alone.

    Alone are computed: rollouts of every member of an ensemble by itself (``planner.pessimism``), losses of networks
    that a strategy watches or grows, and of a head that gives a variance (``dynamics.out_var``).

    Args:
        seat: The run's seat.
        stacks: One for all runs.
    """

    def __init__(self, seat: Seat, stacks: Stacks) -> None:
        self._seat = seat
        self._stacks = stacks

    def unrolling(self, model: TaskModel, unroll: Callable[[TaskModel], Model]) -> Model:
        """What a planner unrolls of a task's model; runs that unroll in another way compute by themselves."""
        del unroll
        rollout = plain_rollout(model)
        if not rollout.joins:
            return rollout

        def ask(observation: Tensor, actions: Tensor) -> Tensor:
            if not torch.is_inference_mode_enabled():
                return rollout(observation, actions)
            found: Tensor = self._seat.ask(Unrolling(rollout, observation, actions, self._stacks))
            return found

        return ask

    def loss(
        self, model: DynamicsModel, weights: Tensor, normalisers: Normalisers, windows: Windows, network: TargetNetwork
    ) -> Tensor:
        """Mean loss (scalar) of weights [P]; see :meth:`crl.dynamics.model.DynamicsModel.loss`."""
        joins = network is model.network and model.bounds is None
        if not (joins and weights.requires_grad and torch.is_grad_enabled()):
            return model.loss(weights, normalisers, windows, network)
        loss, gradient = self._seat.ask(LossOf(model, weights, normalisers, windows))
        found: Tensor = _Known.apply(weights, loss, gradient)  # type: ignore[no-untyped-call]
        return found
