"""MPPI's temperature is a share of the spread of the returns: what is hopeless must not set that spread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.planning.mppi import MPPI, spread_of
from crl.types import ActionSpec, Reward

ACTION = ActionSpec(("push",), ("m/s^2",), (-1.0,), (1.0,))
SETTINGS = PlannerConfig(name="mppi", samples=128, horizon=10, rounds=1, temperature=0.05)


def point(observation: Tensor, actions: Tensor) -> Tensor:
    """A point mass in steps of 0.2 s: position and velocity."""
    states = [observation.expand(len(actions), 2)]
    for step in range(actions.shape[1]):
        x, v = states[-1].unbind(-1)
        v = v + 0.2 * actions[:, step, 0]
        states.append(torch.stack([x + 0.2 * v, v], dim=-1))
    return torch.stack(states, dim=1)


def to_one(cliff: float = 0.0, beyond: float = 1.3) -> Reward:
    """Be at x = 1; every step beyond a line costs ``cliff``."""

    def reward(observation: Any, action: Any, after: Any) -> Any:
        x, v = after[..., 0], after[..., 1]
        return -((x - 1) ** 2) - 0.1 * v**2 - 0.001 * action[..., 0] ** 2 - cliff * (x > beyond)

    return reward


def one_hopeless(loss: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The model, but its sixth sample falls into a hole."""

    def model(observation: Tensor, actions: Tensor) -> Tensor:
        trajectory = point(observation, actions)
        trajectory[5, -1, 0] = 1 + loss**0.5
        return trajectory

    return model


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def first_action(model: Callable[[Tensor, Tensor], Tensor]) -> float:
    return float(MPPI(SETTINGS, ACTION).plan(model, to_one(), torch.zeros(2), seeded()).actions[0, 0])


@pytest.mark.parametrize("loss", [1e3, 1e6, 1e12, 1e30, 3e38])
def test_one_hopeless_sample_changes_no_decision(loss: float) -> None:
    sound = first_action(point)
    assert sound > 0.8, "far from the goal it pushes"
    assert first_action(one_hopeless(loss)) == pytest.approx(sound, abs=0.02)


@pytest.mark.parametrize("cliff", [1e2, 1e3, 1e6, 1e20, 1e36])
def test_a_cliff_beside_the_goal_leaves_it_steady(cliff: float) -> None:
    def error(reward: Reward) -> float:
        planner, generator, state, missed = MPPI(SETTINGS, ACTION), seeded(), torch.tensor([1.0, 0.0]), []
        for _ in range(60):
            action = planner.plan(point, reward, state, generator).actions[None, :1]
            state = point(state, action)[0, 1]
            missed.append(abs(float(state[0]) - 1))
        return float(np.mean(missed[30:]))

    without = error(to_one())
    assert without < 0.015
    assert error(to_one(cliff)) < 0.015


DISTRIBUTIONS: dict[str, Callable[[torch.Generator], Tensor]] = {
    "normal": lambda g: torch.randn(129, generator=g),
    "uniform": lambda g: torch.rand(129, generator=g),
    "three directions of a quadratic cost": lambda g: -(torch.randn(129, 3, generator=g) ** 2).sum(dim=1),
    "exponential": lambda g: torch.log(torch.rand(129, generator=g).clamp_min(1e-6)),
    "few samples": lambda g: torch.randn(9, generator=g),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_returns_without_outliers_have_their_plain_deviation(name: str) -> None:
    ratios = []
    for seed in range(100):
        returns = DISTRIBUTIONS[name](seeded(seed))
        ratios.append(spread_of(returns) / float(returns.std(correction=0)))
    assert max(ratios) < 1 + 1e-5
    assert np.median(ratios) == pytest.approx(1, abs=1e-5)
    assert np.mean(ratios) > 0.95


def test_one_direction_of_a_quadratic_cost_is_the_widest_that_counts_nearly_whole() -> None:
    drawn = [-(torch.randn(129, generator=seeded(seed)) ** 2) for seed in range(100)]
    ratios = [spread_of(returns) / float(returns.std(correction=0)) for returns in drawn]
    assert 0.6 < np.mean(ratios) < 1


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.85])
def test_however_many_are_hopeless_the_rest_sets_the_scale(share: float) -> None:
    returns = torch.randn(200, generator=seeded())
    hopeless = torch.randperm(200, generator=seeded(1))[: int(share * 200)]
    sound = torch.ones(200, dtype=torch.bool)
    sound[hopeless] = False
    returns[hopeless] -= 1e5 * torch.rand(len(hopeless), generator=seeded(2)).add(0.5)
    assert spread_of(returns) == pytest.approx(float(returns[sound].std(correction=0)), rel=1e-4)


def test_ties_and_rounding_set_no_scale() -> None:
    """Seven tenths stand still at the best return, but for float32's last digits; the rest is worse by up to one."""
    returns = torch.full((200,), 1000.0)
    returns[::3] -= 6e-5
    returns[140:] -= torch.rand(60, generator=seeded())
    assert spread_of(returns) > 0.1
    assert spread_of(torch.full((9,), 3.0)) == 1e-8


def test_the_size_of_the_returns_means_nothing() -> None:
    returns = torch.randn(129, generator=seeded()).double()
    for size in (1e-3, 1e6, 1e30):
        assert spread_of((size * returns).float()) == pytest.approx(size * spread_of(returns), rel=1e-4)
