"""``crl.plan`` on a model and a reward of one's own."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from torch import Tensor

import crl
from crl.errors import SettingsError

SPACE = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)


def step(observation: Tensor, action: Tensor) -> Tensor:
    """Two points that are pushed along a line."""
    return observation + 0.5 * action


def near_origin(observation: Tensor, action: Tensor, after: Tensor) -> Tensor:
    return -after.square().sum(dim=-1)


@pytest.mark.parametrize("planner", ["icem", "cem", "mppi", "random_shooting"])
def test_it_plans_towards_the_goal(planner: str) -> None:
    start = np.array([1.0, -1.0])
    actions = crl.plan(step, near_origin, start, action_space=SPACE, planner=planner, samples=256, horizon=4)
    assert actions.shape == (4, 2) and actions.dtype == np.float32
    end = start + 0.5 * actions.sum(axis=0)
    assert np.square(end).sum() < 0.5
    again = crl.plan(step, near_origin, start, action_space=SPACE, planner=planner, samples=256, horizon=4)
    np.testing.assert_array_equal(actions, again)


def test_bad_input_is_named() -> None:
    endless = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    with pytest.raises(ValueError, match="no finite range"):
        crl.plan(step, near_origin, np.zeros(2), action_space=endless)
    with pytest.raises(ValueError, match="must be a Box with one dimension"):
        crl.plan(step, near_origin, np.zeros(2), action_space=gymnasium.spaces.Discrete(3))  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="samples"):
        crl.plan(step, near_origin, np.zeros(2), action_space=SPACE, samples=0)
    with pytest.raises(ValueError, match=r"model must return a tensor of shape \(\d+, 2\), not a .* \(\d+, 4\)"):
        crl.plan(lambda o, a: torch.cat([o, o], -1), near_origin, np.zeros(2), action_space=SPACE)
    with pytest.raises(ValueError, match=r"reward must return a real tensor of shape \(\d+, \d+\), not a tensor"):
        crl.plan(step, lambda o, a, after: after, np.zeros(2), action_space=SPACE)
    with pytest.raises(ValueError, match="not a ndarray"):
        crl.plan(lambda o, a: o.numpy(), near_origin, np.zeros(2), action_space=SPACE)  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match="an observation has one dimension"):
        crl.plan(step, near_origin, np.zeros((1, 2)), action_space=SPACE)
    with pytest.raises(crl.errors.CrlError, match="finite predicted return"):
        crl.plan(lambda o, a: o * torch.nan, near_origin, np.zeros(2), action_space=SPACE)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"observation": None}, "an observation must be real numbers, not a NoneType"),
        ({"observation": "ab"}, "an observation must be real numbers"),
        ({"observation": np.array([1j, 0])}, "an observation must be real numbers"),
        ({"observation": np.array([None, 1.0])}, "an observation must be real numbers"),
        ({"observation": []}, "an observation has one dimension"),
        ({"model": 3}, "model must be a function"),
        ({"reward": None}, "reward must be a function"),
        ({"reward": lambda o, a, after: near_origin(o, a, after) * 1j}, "reward must return a real tensor"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": None}, "seed must be a whole number"),
        ({"seed": 2**70}, "seed is .*: it must be between 0 and"),
        ({"action_space": gymnasium.spaces.Box(-1.0, 1.0, (0,))}, "an element or more"),
    ],
)
def test_what_is_no_such_thing_is_named(wrong: dict[str, Any], said: str) -> None:
    given = {"model": step, "reward": near_origin, "observation": np.zeros(2), "action_space": SPACE, **wrong}
    with pytest.raises(ValueError, match=said):
        crl.plan(**given, samples=16, horizon=2)


def test_whole_numbers_are_an_observation() -> None:
    whole, real = (
        crl.plan(step, near_origin, np.array(start), action_space=SPACE, horizon=3) for start in ([1, -1], [1.0, -1.0])
    )
    np.testing.assert_array_equal(whole, real)
