"""A planner told another range keeps to it; MPPI follows its last plan as far as it is told."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

import pytest
import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.planning.mppi import MPPI
from crl.planning.planner import make_planner
from crl.types import ActionSpec

ACTION = ActionSpec(("left", "right"), ("1", "1"), (-1.0, -2.0), (1.0, 4.0))
LESS = replace(ACTION, low=(0.25, -0.5), high=(0.75, 0.0))
SETTINGS: dict[str, Any] = {"samples": 24, "horizon": 5, "rounds": 2, "elites": 6, "keep": 2}
START = torch.tensor([0.3, -0.2])


class Noted:
    """A point that the actions push about; notes all actions that it is asked about."""

    def __init__(self) -> None:
        self.asked: list[Tensor] = []

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        self.asked.append(actions)
        way = torch.cumsum(0.2 * actions, dim=1)
        return torch.cat([observation.expand(len(actions), 1, -1), observation + way], dim=1)


def reward(observation: Tensor, action: Tensor, after: Tensor) -> Tensor:
    del observation, action
    return -((after - torch.tensor([2.0, 2.0])) ** 2).sum(dim=-1)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", sorted(point.name for point in entry_points(group="crl.planners")))
def test_nothing_outside_the_limits_is_tried_or_planned_even_with_a_warm_start(name: str) -> None:
    planner, model = make_planner(PlannerConfig(**{"name": name, **SETTINGS}), ACTION), Noted()
    assert bool((planner.plan(model, reward, START, generator()).actions > 0.75).any())  # it would like to go there
    model.asked.clear()
    planner.limit(LESS)
    plan = planner.plan(model, reward, START, generator(1))
    low, high = torch.tensor(LESS.low), torch.tensor(LESS.high)
    for actions in [*model.asked, plan.actions]:
        assert bool(((actions >= low) & (actions <= high)).all())
    # And back: all of the range is tried again.
    planner.limit(ACTION)
    model.asked.clear()
    planner.plan(model, reward, START, generator(2))
    assert float(torch.cat([a.flatten(0, 1) for a in model.asked])[:, 1].max()) > 1


def test_limits_that_are_those_of_before_change_nothing() -> None:
    first, second = (MPPI(PlannerConfig(name="mppi", **SETTINGS), ACTION) for _ in range(2))
    second.limit(ACTION)
    plans = [planner.plan(Noted(), reward, START, generator()) for planner in (first, second)]
    assert torch.equal(plans[0].actions, plans[1].actions)


def warm(shift: float) -> tuple[Tensor, Tensor]:
    """A first plan, and the sample that the next decision begins with: the plan followed for ``shift`` of a step."""
    planner, model = MPPI(PlannerConfig(**{"name": "mppi", **SETTINGS, "rounds": 1, "shift": shift}), ACTION), Noted()
    plan = planner.plan(model, reward, START, generator())
    model.asked.clear()
    planner.plan(model, reward, START, generator(1))
    return plan.actions, model.asked[0][0]


def test_a_whole_step_moves_the_plan_by_one_and_repeats_its_end() -> None:
    plan, begins = warm(1.0)
    torch.testing.assert_close(begins, torch.cat([plan[1:], plan[-1:]]), rtol=0, atol=0)
    assert PlannerConfig().shift == 1.0


def test_half_a_step_is_the_mean_of_both_and_none_stays() -> None:
    plan, begins = warm(0.5)
    torch.testing.assert_close(begins, (plan + torch.cat([plan[1:], plan[-1:]])) / 2)
    plan, begins = warm(0.0)
    torch.testing.assert_close(begins, plan)
