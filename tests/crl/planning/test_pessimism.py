"""Pessimistic plans: the mean of the members' returns minus k of their deviations, and what follows from it."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.planning.planner import GROUP, PlanningFailed, make_planner
from crl.types import ActionSpec

NAMES = sorted(point.name for point in entry_points(group=GROUP))
ACTION = ActionSpec(("push",), ("N",), (-1.0,), (1.0,))
START = torch.zeros(1)
SETTINGS: dict[str, Any] = {"samples": 64, "horizon": 3, "rounds": 4, "elites": 8, "keep": 3}


class Members:
    """Points that an action moves: all by the same to the left, by the given gains to the right."""

    def __init__(self, *right: float) -> None:
        self.right = torch.tensor(right).view(-1, 1, 1, 1)

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        steps = torch.where(actions > 0, self.right * actions, actions)
        start = observation.expand(*steps.shape[:2], 1, -1)
        return torch.cat([start, observation + steps.cumsum(dim=2)], dim=2)


def far(observation: Tensor, action: Tensor, after: Tensor) -> Tensor:
    del observation, action
    return after.abs().sum(dim=-1)


@pytest.mark.parametrize("pessimism", [0.3, 1.0, 2.5])
def test_returns_are_the_mean_minus_k_deviations_over_members(pessimism: float) -> None:
    planner = make_planner(PlannerConfig("random_shooting", pessimism=pessimism, **SETTINGS), ACTION)
    actions = torch.tensor([[1.0, 0.5, 0.0], [-1.0, 0.0, 0.0]]).unsqueeze(-1)
    found = planner.returns(Members(0.0, 1.0, 5.0), far, START, actions)
    to_the_right = np.array([0.0, 1.0, 5.0]) * (1.0 + 1.5 + 1.5)
    expected = [to_the_right.mean() - pessimism * to_the_right.std(), 3.0]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_plans_go_where_the_members_agree(name: str) -> None:
    """To the right is better by the mean of the members (2 to 1), to the left by all of them but one."""
    model = Members(0.0, 0.0, 6.0)
    for pessimism, sign in ((0.01, 1.0), (1.0, -1.0)):
        planner = make_planner(PlannerConfig(name, pessimism=pessimism, **SETTINGS), ACTION)
        plan = planner.plan(model, far, START, torch.Generator().manual_seed(0))
        assert float(plan.actions[0]) * sign > 0.3, pessimism


@pytest.mark.parametrize("name", NAMES)
def test_a_sequence_that_breaks_one_member_is_worth_nothing(name: str) -> None:
    planner = make_planner(PlannerConfig(name, pessimism=0.5, **SETTINGS), ACTION)
    model = Members(0.5, 1.0, torch.nan)  # to the right, one member has no number
    found = planner.returns(model, far, START, torch.tensor([[[0.5], [0.0], [0.0]], [[-0.5], [0.0], [0.0]]]))
    assert found.tolist() == [-torch.inf, 1.5]
    with pytest.raises(PlanningFailed):
        planner.plan(Members(torch.nan), lambda o, a, n: far(o, a, n) * torch.nan, START, torch.Generator())
