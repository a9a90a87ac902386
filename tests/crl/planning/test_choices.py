"""Planners choose one of several things at every step; the best sequence is known by trying all of them."""

from __future__ import annotations

import itertools
from importlib.metadata import entry_points

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.planning.planner import GROUP, make_planner
from crl.safety.command_filter import CommandFilter
from crl.types import ActionSpec

NAMES = sorted(point.name for point in entry_points(group=GROUP))
ACTION = ActionSpec(("left", "stay", "right"), ("", "", ""), (-1.0,) * 3, (1.0,) * 3, choice=True)
HORIZON = 5
MOVES = torch.tensor([-1.0, 0.0, 1.0])
START = torch.tensor([0.0, 0.3])


def swing(observation: Tensor, actions: Tensor) -> Tensor:
    """A pendulum (angle, rate) that is pushed to either side or left alone."""
    states = [observation.expand(len(actions), 2)]
    for step in range(actions.shape[1]):
        push = ((actions[:, step] + 1) / 2) @ MOVES
        rate = states[-1][:, 1] + 0.4 * push - 0.5 * states[-1][:, 0].sin()
        states.append(torch.stack([states[-1][:, 0] + 0.5 * rate, rate], dim=-1))
    return torch.stack(states, dim=1)


def reward(observation: Tensor, action: Tensor, after: Tensor) -> Tensor:
    return -((after[..., 0] - 0.6) ** 2) - 0.05 * (action[..., 1] < 0)


def every() -> Tensor:
    """All sequences, [3**5, 5, 3]."""
    chosen = torch.tensor(list(itertools.product(range(3), repeat=HORIZON)))
    return 2.0 * torch.nn.functional.one_hot(chosen, 3) - 1


@pytest.mark.parametrize("name", NAMES)
def test_the_best_choices_are_found(name: str) -> None:
    config = PlannerConfig(name=name, samples=300, horizon=HORIZON, rounds=4, elites=15, temperature=0.02)
    made = make_planner(config, ACTION)
    best = float(made.returns(swing, reward, START, every()).max())
    plan = made.plan(swing, reward, START, torch.Generator().manual_seed(0))
    assert ((plan.actions == 1).sum(dim=-1) == 1).all()
    assert ((plan.actions == -1).sum(dim=-1) == 2).all()
    found = float(made.returns(swing, reward, START, plan.actions.unsqueeze(0)))
    assert found > best - 0.05
    again = made.plan(swing, reward, START, torch.Generator().manual_seed(1))  # warm
    assert float(made.returns(swing, reward, START, again.actions.unsqueeze(0))) > best - 0.05


def test_samples_are_fair_at_first() -> None:
    made = make_planner(PlannerConfig(name="icem", horizon=HORIZON), ACTION)
    drawn = made.clip(made.middle + 0.5 * made.half * made.normal(torch.Generator().manual_seed(0), 3000, 3))
    shares = (drawn == 1).float().mean(dim=0)
    assert (shares - 1 / 3).abs().max() < 0.04


def test_whatever_is_sent_is_one_choice() -> None:
    command = CommandFilter(ACTION, (1.0, -1.0, -1.0))
    for wanted, chosen in (([0.1, 0.2, 0.05], 1), ([-9.0, -8.0, -7.0], 2), ([np.nan, 0.0, 0.0], 0)):
        sent = command(np.array(wanted)).action
        assert sent.tolist() == [1.0 if i == chosen else -1.0 for i in range(3)]
        assert sent.dtype == np.float32
