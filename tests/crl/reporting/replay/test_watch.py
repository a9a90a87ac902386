"""Watching changes nothing: whoever is watched decides and is told as without, and an ensemble is shown as its mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.planning.planner import Planner, make_planner
from crl.reporting.replay.watch import WatchedAgent, WatchedPlanner
from crl.types import ActionSpec

OFFSETS = (-0.5, 0.0, 0.8)
"""What each member of the ensemble adds to a step."""


def walk(observation: Tensor, actions: Tensor) -> Tensor:
    """A point that moves by its action: [S], [K, H, A] -> [K, H + 1, S]."""
    moved = observation + torch.cumsum(actions, dim=1)
    return torch.cat([observation.expand(len(actions), 1, -1), moved], dim=1)


def members(observation: Tensor, actions: Tensor) -> Tensor:
    """The walks of an ensemble's members, [E, K, H + 1, S]."""
    return torch.stack([walk(observation, actions + offset) for offset in OFFSETS])


def reward(before: Any, action: Any, after: Any) -> Any:
    """The nearer to zero the better."""
    return -(after[..., 0] ** 2)


def planner(pessimism: float = 0.0) -> Planner:
    config = PlannerConfig(name="icem", samples=32, horizon=4, pessimism=pessimism)
    return make_planner(config, ActionSpec(("push",), ("m",), (-1.0,), (1.0,)))


@pytest.mark.parametrize("pessimism", [0.0, 0.5])
def test_a_watched_planner_plans_as_the_inner_one_and_remembers(pessimism: float) -> None:
    model, start = (members if pessimism else walk), torch.tensor([2.0])
    alone = planner(pessimism).plan(model, reward, start, torch.Generator().manual_seed(0))
    watched = WatchedPlanner(planner(pessimism))
    plan = watched.plan(model, reward, start, torch.Generator().manual_seed(0))
    assert torch.equal(plan.actions, alone.actions)
    assert watched.last is not None
    expected = walk(start, plan.actions.unsqueeze(0) + (np.mean(OFFSETS) if pessimism else 0.0))[0]
    np.testing.assert_allclose(watched.last.chosen, expected.numpy(), rtol=1e-5)
    assert watched.last.others.shape[1:] == watched.last.chosen.shape
    found = [float(reward(None, None, torch.from_numpy(one[1:])).sum()) for one in watched.last.others]
    assert found == sorted(found, reverse=True), "the best first"
    after = watched.last.predict(np.float32([2.0]), np.float32([0.5]))
    assert after[0] == pytest.approx(2.5 + (np.mean(OFFSETS) if pessimism else 0.0), rel=1e-5)


def test_what_is_set_on_a_watched_planner_reaches_the_inner_one() -> None:
    inner = planner(0.5)
    watched = WatchedPlanner(inner)
    watched.pessimism = 0.0
    assert inner.pessimism == 0.0 == watched.pessimism
    watched.plan(walk, reward, torch.tensor([1.0]), torch.Generator().manual_seed(0))
    state = watched.state_dict()
    assert state and state.keys() == inner.state_dict().keys(), "the warm start"


def test_a_watched_agent_is_told_what_is_in_force() -> None:
    class Told:
        def __init__(self) -> None:
            self.tasks: list[int] = []

        def tell(self, task: int) -> None:
            self.tasks.append(task)

    inner: Any = Told()
    WatchedAgent(inner, listener=None).tell(3)
    assert inner.tasks == [3]
