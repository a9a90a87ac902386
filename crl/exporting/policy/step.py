"""One decision of a planner as a module: all randomness is an input, and so is what the planner carries along."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from crl.agents.base import Deciding
from crl.exporting.policy.scoring import returns
from crl.types import TaskSpec

Carried = tuple[Tensor, ...]


class PolicyStep(torch.nn.Module, ABC):
    """Base: inputs are an observation [S], noise [N] and what is carried; outputs an action [A] and what is carried on.

    An observation that is not finite gets the task's safe action, and nothing is carried on. Where no sampled sequence
    has a finite return, the action is the safe one too, and the planner begins anew.

    Args:
        deciding: Planner, model and reward.
        task: The task.

    Attributes:
        CARRIED: Names of what is carried from decision to decision.
        NOISE: Distribution of each number of the noise, in words.
    """

    CARRIED: tuple[str, ...] = ()
    NOISE = "standard normal"
    safe: Tensor

    def __init__(self, deciding: Deciding, task: TaskSpec) -> None:
        super().__init__()
        self.deciding = deciding
        self.planner, self.config = deciding.planner, deciding.planner.config
        self.register_buffer("safe", torch.tensor(task.safe_action, dtype=torch.float32))

    @abstractmethod
    def shapes(self) -> list[tuple[int, ...]]:
        """Shape of each draw of a decision, in order."""

    @abstractmethod
    def decide(self, observation: Tensor, drawn: Sequence[Tensor], carried: Carried) -> tuple[Tensor, Tensor, Carried]:
        """The first action [A], whether there is one (bool), and what is carried on."""

    def start(self) -> Carried:
        """What is carried into the first decision of an episode."""
        return ()

    def carried(self) -> Carried:
        """What the planner itself carries now, in the same form."""
        return ()

    def draw(self, generator: torch.Generator) -> Tensor:
        """Noise [N] of one decision, as the planner itself draws it."""
        return torch.cat([torch.randn(*shape, generator=generator).reshape(-1) for shape in self.shapes()])

    def forward(self, observation: Tensor, noise: Tensor, *carried: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        shapes = self.shapes()
        parts = torch.split(noise, [math.prod(shape) for shape in shapes])
        drawn = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        action, found, after = self.decide(observation, drawn, carried)
        sound = torch.isfinite(observation).all()
        action = torch.where(sound & found, action, self.safe)
        renewed = zip(after, carried, self.start(), strict=True)
        return action, *(torch.where(sound, torch.where(found, new, first), old) for new, old, first in renewed)

    def returns(self, observation: Tensor, actions: Tensor) -> Tensor:
        """Predicted returns [K] of action sequences [K, H, A]."""
        return returns(self.deciding, observation, actions)

    def middle(self) -> Tensor:
        """The middle of the range at each step, [H, A]."""
        return self.planner.middle.expand(self.config.horizon, -1).clone()


def refit(chosen: Tensor, values: Tensor, mean: Tensor, std: Tensor, momentum: float) -> tuple[Tensor, Tensor]:
    """Mean and deviation [H, A] of those chosen [N, H, A] whose value is finite; as they were if there is none."""
    ok = torch.isfinite(values).view(-1, 1, 1)
    count = ok.sum().clamp_min(1)
    own = torch.where(ok, chosen, 0.0).sum(dim=0) / count
    spread = (torch.where(ok, (chosen - own) ** 2, 0.0).sum(dim=0) / count).sqrt()
    some = ok.any()
    return (
        torch.where(some, momentum * mean + (1 - momentum) * own, mean),
        torch.where(some, momentum * std + (1 - momentum) * spread, std),
    )
