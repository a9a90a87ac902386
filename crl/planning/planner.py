"""What all planners are: sample action sequences, score them on the model, keep the best.

A planner is a function of (model, observation, its own warm start, a generator): no global randomness.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.errors import CrlError
from crl.plugins import load_plugin
from crl.types import ActionSpec, Reward

Model = Callable[[Tensor, Tensor], Tensor]
"""Maps an observation [S] and actions [K, H, A] to trajectories [K, H + 1, S]."""

GROUP = "crl.planners"


class PlanningFailed(CrlError):
    """No sampled sequence had a finite return; the agent takes the safe action."""


@dataclass
class Plan:
    """The chosen action sequence [H, A], a predicted return and the number of sequences tried.

    The return is that of the sequence itself; a planner that averages sequences (MPPI) gives the best one's.
    """

    actions: Tensor
    value: float
    samples: int


class Planner(ABC):
    """Base of the sampling planners.

    Args:
        config: Samples, horizon, rounds and the planner's own settings.
        action: Range of the actions; every sample is clipped to it, and the model sees the clipped one.
        device: Where tensors live.
    """

    def __init__(self, config: PlannerConfig, action: ActionSpec, device: torch.device | str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        self.limit(action)
        self.size = action.size

    @abstractmethod
    def plan(self, model: Model, reward: Reward, observation: Tensor, generator: torch.Generator) -> Plan:
        """Plan from an observation [S].

        Raises:
            PlanningFailed: Every sampled sequence had a non-finite return.
        """

    def reset(self) -> None:
        """Forget the warm start; called when an episode begins."""

    def limit(self, action: ActionSpec) -> None:
        """Sample in another range from now on: what a body can still attain, for instance."""
        self.low = torch.tensor(action.low, device=self.device)
        self.high = torch.tensor(action.high, device=self.device)
        self.middle = (self.low + self.high) / 2
        self.half = (self.high - self.low) / 2

    def clip(self, actions: Tensor) -> Tensor:
        """Actions [..., A] inside their range."""
        return torch.clamp(actions, self.low, self.high)

    def normal(self, generator: torch.Generator, *shape: int) -> Tensor:
        """Standard normal numbers; drawn on the CPU, so that a seed means the same on every device."""
        return torch.randn(*shape, generator=generator).to(self.device)

    def returns(self, model: Model, reward: Reward, observation: Tensor, actions: Tensor) -> Tensor:
        """Predicted returns [K] of action sequences [K, H, A]; a non-finite return or trajectory counts as -inf."""
        trajectory = model(observation, actions)
        rewards = reward(trajectory[:, :-1], actions, trajectory[:, 1:])
        total: Tensor = rewards.sum(dim=-1)
        # A reward that compares gives a finite number for a NaN, so the states have their say too.
        finite = torch.isfinite(total) & torch.isfinite(trajectory.sum(dim=(1, 2)))
        return torch.where(finite, total, -torch.inf)


def best_of(actions: Tensor, returns: Tensor, tried: int) -> Plan:
    """The best of action sequences [K, H, A] by returns [K].

    Raises:
        PlanningFailed: No return is finite.
    """
    best = int(torch.argmax(returns))
    value = float(returns[best])
    if value == -torch.inf:
        raise PlanningFailed(f"none of {tried} sampled action sequences has a finite predicted return")
    return Plan(actions[best].clone(), value, tried)


def make_planner(config: PlannerConfig, action: ActionSpec, device: torch.device | str = "cpu") -> Planner:
    """The planner that a configuration names: an entry point of ``crl.planners``, or ``package.module:Name``.

    Raises:
        PluginError: There is no such planner, or it can't be loaded.
    """
    planner: Planner = load_plugin(GROUP, config.name, "planner")(config, action, device)
    return planner
