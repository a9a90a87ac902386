"""Where a task says that an observation ends the episode, plans end there too; failing early never pays."""

from __future__ import annotations

import math
from importlib.metadata import entry_points
from typing import Any

import pytest
import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.planning.planner import GROUP, Planner, make_planner
from crl.reporting.replay.watch import WatchedPlanner
from crl.types import ActionSpec

NAMES = sorted(point.name for point in entry_points(group=GROUP))
ACTION = ActionSpec(("push",), ("m",), (-1.0,), (1.0,))
EDGE = 2.5
START = torch.tensor([0.0])


def walk(observation: Tensor, actions: Tensor) -> Tensor:
    """A point that moves by the action; its position."""
    way = observation + actions.cumsum(dim=1)
    return torch.cat([observation.expand(len(actions), 1, 1), way], dim=1)


def beyond(observation: Any) -> Any:
    """It has fallen over the edge."""
    return observation[..., 0] > EDGE


def planner(name: str = "icem", **changes: Any) -> Planner:
    given: dict[str, Any] = {"samples": 200, "horizon": 6, "rounds": 4, "elites": 10, "keep": 3, "temperature": 0.02}
    return make_planner(PlannerConfig(name=name, **(given | changes)), ACTION)


def returns(actions: list[list[float]], reward: Any, *, success: Any = None, model: Any = walk) -> list[float]:
    """What action sequences are worth to a planner of a task that ends beyond the edge."""
    made = planner(horizon=len(actions[0]))
    made.until(beyond, success)
    return made.returns(model, reward, START, torch.tensor(actions).unsqueeze(-1)).tolist()


STAY, FALL = [1.0, 1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0, 0.0]


def test_rewards_count_up_to_the_end_and_with_it() -> None:
    alive = returns([STAY, FALL], lambda before, action, after: 1.0 + 0.0 * after[..., 0])
    assert alive == [5.0, 3.0]


def test_a_cost_can_not_be_cut_short_by_failing() -> None:
    """To stay costs 2 a step, to fall 1: without the filling, to fall would be cheap."""
    before_edge = returns([STAY, FALL], lambda before, action, after: -1.0 - 1.0 * (abs(after[..., 0] - 2) < 0.1))
    assert before_edge == [-1 - 4 * 2, -1 - 2 - 1 - 2 * 2]
    # The worst of what counts is the measure: what a model imagines beyond the end is not.
    deep = returns(
        [STAY, FALL], lambda before, action, after: -1.0 - 100.0 * (after[..., 0] > EDGE) * (before[..., 0] > EDGE)
    )
    assert deep == [-5, -5]


def test_an_end_in_success_costs_nothing_more() -> None:
    """A goal that ends a task of costs is worth reaching early."""

    def cost(before: Any, action: Any, after: Any) -> Any:
        return -1.0 + 0.0 * after[..., 0]

    assert returns([STAY, FALL], cost, success=beyond) == [-5, -3]
    assert returns([STAY, FALL], cost, success=lambda seen: seen[..., 0] < 0) == [-5, -5]


def test_what_comes_after_an_end_need_not_be_finite() -> None:
    def broken(observation: Tensor, actions: Tensor) -> Tensor:
        trajectory = walk(observation, actions)
        over = (trajectory[:, :-1] > EDGE).cumsum(dim=1) > 0
        trajectory[:, 1:][over] = math.nan
        return trajectory

    def reward(before: Any, action: Any, after: Any) -> Any:
        return after[..., 0]

    assert returns([STAY, FALL], reward, model=broken) == [1 + 2 * 4, 1 + 2 + 3]
    spoilt = returns([STAY, FALL], lambda before, action, after: after[..., 0] / (after[..., 0] < 2.9))
    assert spoilt == [9, -math.inf], "the step that ends counts, and so must be sound"


@pytest.mark.parametrize("name", NAMES)
def test_what_never_ends_is_planned_as_ever(name: str) -> None:
    plans = []
    for terminated in (None, lambda seen: seen[..., 0] > 1e3):
        made = planner(name)
        made.until(terminated)
        generator = torch.Generator().manual_seed(0)
        plans.append(made.plan(walk, lambda b, a, n: -((n[..., 0] - 2) ** 2), START, generator))
    assert torch.equal(plans[0].actions, plans[1].actions)
    assert plans[0].value == plans[1].value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["alive", "cost"])
def test_no_planner_falls_where_ends_are_known(name: str, kind: str) -> None:
    """Speed pays, so that without the end every plan runs over the edge; both tasks say nothing of the edge."""

    def alive(before: Any, action: Any, after: Any) -> Any:
        return 1.0 + action[..., 0]

    def cost(before: Any, action: Any, after: Any) -> Any:
        return action[..., 0] - 1.0

    fell = {}
    for known in (False, True):
        made, state = planner(name), START
        if known:
            made.until(beyond)
        generator = torch.Generator().manual_seed(0)
        fell[known] = False
        for _ in range(12):
            action = made.plan(walk, alive if kind == "alive" else cost, state, generator).actions[None, :1]
            state = walk(state, action)[0, 1]
            fell[known] = fell[known] or bool(beyond(state))
    assert fell == {False: True, True: False}


def test_until_none_forgets_it() -> None:
    made = planner(horizon=5)
    made.until(beyond)
    made.until(None)
    fall = torch.tensor([FALL]).unsqueeze(-1)
    assert made.returns(walk, lambda b, a, n: 1.0 + 0.0 * n[..., 0], START, fall).tolist() == [5.0]


def test_a_planner_that_is_watched_knows_the_ends_too() -> None:
    """A replay must decide as the evaluation did."""
    plans = []
    for watched in (False, True):
        made = planner()
        told: Planner = WatchedPlanner(made) if watched else made
        told.until(beyond)
        reward = lambda before, action, after: 1.0 + action[..., 0]  # noqa: E731
        plans.append(told.plan(walk, reward, torch.tensor([2.0]), torch.Generator().manual_seed(0)))
    assert torch.equal(plans[0].actions, plans[1].actions)
    assert float(plans[0].actions[0]) < EDGE - 2.0


def test_the_last_state_counts_what_it_is_worth_unless_the_episode_ended() -> None:
    made = planner(horizon=5)
    made.until(beyond)
    made.beyond(lambda observation: 10 * observation[..., 0])
    found = made.returns(walk, lambda before, action, after: 1.0 + 0.0 * after[..., 0], START, sequences(STAY, FALL))
    assert found.tolist() == [5.0 + 20.0, 3.0]
    made.until(None)
    found = made.returns(walk, lambda before, action, after: 1.0 + 0.0 * after[..., 0], START, sequences(STAY, FALL))
    assert found.tolist() == [5.0 + 20.0, 5.0 + 30.0]


@pytest.mark.parametrize("name", NAMES)
def test_planners_go_where_the_value_is(name: str) -> None:
    """All steps pay alike; only what comes after the plan differs."""
    made = planner(name)
    made.beyond(lambda observation: -((observation[..., 0] - 2.0) ** 2))
    plan = made.plan(walk, lambda before, action, after: 0.0 * after[..., 0], START, torch.Generator().manual_seed(0))
    assert abs(float(plan.actions.sum()) - 2.0) < 0.5


def sequences(*rows: list[float]) -> Tensor:
    return torch.tensor(rows).unsqueeze(-1)
