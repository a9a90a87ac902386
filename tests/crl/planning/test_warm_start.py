"""The warm start of every planner goes on to the bit from its state."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from crl.config.declared.components import PLANNERS
from crl.config.sections.methods import PlannerConfig
from crl.planning.planner import make_planner
from crl.types import ActionSpec

ACTION = ActionSpec(("u",), ("m/s",), (-1.0,), (1.0,))


def model(observation: Tensor, actions: Tensor) -> Tensor:
    """A point that moves by its action."""
    start = observation.expand(len(actions), 1, 1)
    return torch.cat([start, start + actions.cumsum(dim=1)], dim=1)


def reward(before: Tensor, action: Tensor, after: Tensor) -> Tensor:
    """Nearness to 1."""
    return -(after[..., 0] - 1).square()


@pytest.mark.parametrize("name", PLANNERS)
def test_a_planner_goes_on_from_its_state(name: str) -> None:
    config = PlannerConfig(name=name, samples=16, horizon=5, rounds=2, elites=4, keep=2)
    one, other = make_planner(config, ACTION), make_planner(config, ACTION)
    one.plan(model, reward, torch.zeros(1), torch.Generator().manual_seed(0))
    other.load_state_dict(one.state_dict())
    plans = [
        planner.plan(model, reward, torch.full((1,), 0.2), torch.Generator().manual_seed(1)) for planner in (one, other)
    ]
    assert torch.equal(plans[0].actions, plans[1].actions)
