"""The unicycle's life: regimes, the stream, waypoints without an end, crashes, and going on to the bit."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import crl_envs
from crl_envs.lives.endless import EndlessWay
from crl_envs.lives.regimes.commands import NOMINAL, CommandRegime, draw_regimes
from crl_envs.lives.stream import RegimeStream
from crl_envs.lives.ugv_life import HALF, LOST
from crl_envs.missions import MissionError

ACTIONS = np.random.default_rng(0).uniform(-1, 1, size=(400, 2)).astype(np.float32)


def make(**kwargs: Any) -> gymnasium.Env[Any, Any]:
    """The environment."""
    return gymnasium.make("crl/UGVLife-v0", disable_env_checker=True, **kwargs)


def drawn(seed: int) -> list[CommandRegime]:
    """Twelve regimes, four of them not affine."""
    return draw_regimes(12, 4, np.random.default_rng(seed))


def test_it_is_an_environment_of_gymnasium() -> None:
    assert "crl/UGVLife-v0" in crl_envs.ENVIRONMENTS
    check_env(make().unwrapped, skip_render_check=True)


@pytest.mark.parametrize("seed", range(5))
def test_twelve_regimes_are_different_and_four_are_not_affine(seed: int) -> None:
    regimes = drawn(seed)
    assert regimes[0] == NOMINAL
    assert sum(not regime.affine for regime in regimes) == 4
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 21)] * 2), axis=-1).reshape(-1, 2)
    effects = [regime.effect(grid) for regime in regimes]
    for i, one in enumerate(effects):
        assert np.abs(one[:, 0]).max() <= 1.0 + 1e-9  # no regime is faster than the nominal body
        for other in effects[:i]:
            assert np.sqrt(np.square(one - other).mean()) > 0.05


def test_affine_says_whether_the_effect_is_affine() -> None:
    command = np.random.default_rng(1).uniform(-1, 1, size=(200, 2))
    for regime in drawn(3):
        design = np.concatenate([command, np.ones((200, 1))], axis=1)
        effect = regime.effect(command)
        left = effect - design @ np.linalg.lstsq(design, effect, rcond=None)[0]
        assert (np.abs(left).max() < 1e-9) == regime.affine


def test_effects_by_hand() -> None:
    turned = CommandRegime("dead", ((1.0, 0.0), (0.0, -1.0)), dead=0.25)
    assert turned.effect(np.array([[0.5, 0.2], [0.5, -0.75]])).tolist() == [[0.5, 0.0], [0.5, 0.5]]
    squared = CommandRegime("squared", ((1.0, 0.0), (0.0, -1.0)), squared=True)
    assert squared.effect(np.array([1.0, -0.5])).tolist() == [1.0, 0.25]
    slowing = CommandRegime("slowing", slowing=0.8)
    assert slowing.effect(np.array([1.0, -0.5])) == pytest.approx([0.6, -0.5])
    sided = CommandRegime("sided", right=0.5)
    assert sided.effect(np.array([[0.0, 1.0], [0.0, -1.0]])).tolist() == [[0.0, 1.0], [0.0, -0.5]]


def test_effects_are_the_same_for_torch() -> None:
    command = np.random.default_rng(2).uniform(-1, 1, size=(50, 2))
    for regime in drawn(4):
        assert regime.effect(torch.from_numpy(command)).numpy() == pytest.approx(regime.effect(command), abs=1e-12)


def test_the_stream_keeps_its_lengths_meets_all_and_they_come_back() -> None:
    stream, rng = RegimeStream(6), np.random.default_rng(0)
    stream.begin(rng)
    visits = [[stream.regime, 0]]
    for _ in range(20_000):
        if stream.visits > len(visits):
            visits.append([stream.regime, 0])
        visits[-1][1] += 1
        stream.advance(rng)
    assert visits[0][0] == 0
    assert all(60 <= steps <= 120 for _, steps in visits[:-1])
    assert all(one[0] != other[0] for one, other in zip(visits[:-1], visits[1:], strict=True))
    assert min(sum(regime == index for regime, _ in visits) for index in range(6)) >= 5


def test_waypoints_stay_in_their_square_for_ever() -> None:
    way, rng = EndlessWay(HALF, 0.5), np.random.default_rng(0)
    way.begin(rng)
    for _ in range(3000):
        before, goal = way.before, way.goal
        assert 2.5 <= math.dist(before, goal) <= 4.5
        assert max(map(abs, goal)) <= HALF
        way.advance(goal, rng)
        assert way.before == goal
    assert way.reached == 3000


def test_the_regime_is_a_secret_of_info() -> None:
    env = make()
    env.reset(seed=1)
    changes = 0
    before = None
    for action in ACTIONS:
        observation, _, terminated, truncated, info = env.step(action)
        assert not terminated
        assert not truncated
        regime = env.unwrapped.regimes[info["regime"]]  # type: ignore[attr-defined]
        half = np.array([1.0, np.pi / 2])
        assert info["effect"] == pytest.approx(regime.effect(action.astype(np.float64) / half) * half)
        assert observation.shape == (10,)
        changes += before is not None and before != info["regime"]
        before = info["regime"]
    assert changes >= 2


def test_which_regime_comes_when_does_not_depend_on_the_robot() -> None:
    streams = []
    for factor in (1.0, 0.1):
        env = make()
        env.reset(seed=5)
        streams.append([env.step(factor * action)[4]["regime"] for action in ACTIONS])
    assert streams[0] == streams[1]


def test_a_lost_robot_is_a_crash_and_the_life_goes_on() -> None:
    env = make(regimes=1, others=0)
    env.reset(seed=0)
    info: dict[str, Any] = {}
    for _ in range(1000):
        _, _, terminated, _, info = env.step(np.array([1.0, 0.0], np.float32))
        if terminated:
            break
    assert info["crash"] == "lost"
    assert info["cross_track"] > LOST
    reached, visits = info["reached"], info["visits"]
    observation, info = env.reset()
    assert (info["reached"], info["crashes"], info["visits"]) == (reached, 1, visits)
    assert np.hypot(*(observation[7:9])) < 1e-6  # at the waypoint before


def test_it_goes_on_to_the_bit() -> None:
    env, other = make(), make()
    env.reset(seed=3)
    for action in ACTIONS[:150]:
        env.step(action)
    other.reset(seed=4)
    other.unwrapped.set_episode_state(env.unwrapped.get_episode_state())  # type: ignore[attr-defined]
    for action in ACTIONS[150:]:
        one, two = env.step(action), other.step(action)
        assert np.array_equal(one[0], two[0])
        assert one[1] == two[1]
        assert one[4]["regime"] == two[4]["regime"]


@pytest.mark.parametrize(("regimes", "others"), [(12, 4), (5, 4), (4, 3), (2, 1), (1, 0)])
def test_a_life_of_few_regimes_has_fewer_that_are_not_affine(regimes: int, others: int) -> None:
    env, told = make(regimes=regimes), make(regimes=regimes, others=others)
    for each in (env, told):
        each.reset(seed=3)
    for action in ACTIONS[:20]:
        assert np.array_equal(env.step(action)[0], told.step(action)[0])


@pytest.mark.parametrize(
    "wrong", [{"regimes": 3, "others": 3}, {"lengths": (5, 2)}, {"fresh": 0.0}, {"regimes": 0, "others": -1}]
)
def test_an_impossible_life_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(MissionError):
        make(**wrong)
