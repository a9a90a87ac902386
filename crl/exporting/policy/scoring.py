"""Returns of action sequences without a branch that depends on numbers, as a program with fixed steps needs them.

The same as :meth:`crl.planning.planner.Planner.returns`, which leaves out steps where it can.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.agents.base import Deciding


def returns(deciding: Deciding, observation: Tensor, actions: Tensor) -> Tensor:
    """Predicted returns [K] of action sequences [K, H, A] from an observation [S]; -inf where one is not finite."""
    planner = deciding.planner
    trajectory = deciding.model(observation, actions)
    rewards = deciding.reward(trajectory[..., :-1, :], actions, trajectory[..., 1:, :])
    after = None if planner.worth is None else planner.worth(trajectory[..., -1, :])
    if planner.terminated is not None:
        ends = planner.terminated(trajectory[..., 1:, :])
        over = ends.long().cumsum(dim=-1) - ends.long() > 0  # an earlier step has ended it
        good = torch.zeros_like(ends) if planner.success is None else planner.success(trajectory[..., 1:, :])
        failed = (ends & ~good & ~over).any(dim=-1, keepdim=True)
        counted = torch.where(~over & torch.isfinite(rewards), rewards, torch.zeros_like(rewards))
        rewards = torch.where(over, torch.where(failed, counted.min(), 0.0), rewards)
        # What a model imagines beyond the end need not be finite.
        kept = torch.where(over.unsqueeze(-1), 0.0, trajectory[..., 1:, :])
        trajectory = torch.cat([trajectory[..., :1, :], kept], dim=-2)
        after = None if after is None else torch.where(ends.any(dim=-1), 0.0, after)
    total: Tensor = rewards.sum(dim=-1)
    if after is not None:
        total = total + after
    finite = torch.isfinite(total) & torch.isfinite(trajectory.sum(dim=(-2, -1)))
    if planner.pessimism > 0:
        finite = finite.all(dim=0)
        total = total.mean(dim=0) - planner.pessimism * total.std(dim=0, correction=0)
    return torch.where(finite, total, -torch.inf)
