"""The quadrotor's life: regimes of the autopilot, waypoints in the air, crashes, and going on to the bit."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import crl_envs
from crl_envs.lives.endless import CLIMB, EndlessWay
from crl_envs.lives.quadrotor_life import HEIGHTS, LOST
from crl_envs.lives.regimes.airs import NOMINAL, AirRegime, distance, draw_airs
from crl_envs.missions import MissionError
from crl_envs.quadrotors.task import LIMITS

HALF = np.array(LIMITS["velocity"][1])
ACTIONS = (np.random.default_rng(0).uniform(-0.3, 0.3, size=(120, 4)) * HALF).astype(np.float32)


def make(**kwargs: Any) -> gymnasium.Env[Any, Any]:
    """The environment."""
    return gymnasium.make("crl/QuadrotorLife-v0", disable_env_checker=True, **kwargs)


def test_it_is_an_environment_of_gymnasium() -> None:
    assert "crl/QuadrotorLife-v0" in crl_envs.ENVIRONMENTS
    check_env(make().unwrapped, skip_render_check=True)


@pytest.mark.parametrize("seed", range(3))
def test_twelve_regimes_are_different_and_four_are_not_affine(seed: int) -> None:
    regimes = draw_airs(12, 4, np.random.default_rng(seed))
    assert regimes[0] == NOMINAL
    assert sum(not regime.affine for regime in regimes) == 4
    command = np.random.default_rng(1).uniform(-1, 1, size=(200, 4))
    design = np.concatenate([command, np.ones((200, 1))], axis=1)
    for at, regime in enumerate(regimes):
        effect = regime.effect(command)
        left = effect - design @ np.linalg.lstsq(design, effect, rcond=None)[0]
        assert (np.abs(left).max() < 1e-9) == regime.affine
        assert np.hypot(effect[:, 0], effect[:, 1]).max() <= math.sqrt(2) + 1e-9  # no faster than the nominal body
        assert all(distance(regime, other) > 0.1 for other in regimes[:at])


def test_effects_by_hand_are_the_same_for_torch() -> None:
    command = np.array([[0.5, -0.6, 0.4, 0.2]])
    cases = {
        AirRegime(gain=(-1.0, 0.5, -1.0)): [-0.5, -0.3, -0.4, 0.2],
        AirRegime(frame=math.pi / 2): [0.6, 0.5, 0.4, 0.2],
        AirRegime(dead=0.2): [0.3, -0.4, 0.4, 0.2],
        AirRegime(power=2.0): [0.25, -0.36, 0.4, 0.2],
        AirRegime(weak=0.5): [0.5, -0.3, 0.4, 0.2],
    }
    for regime, wanted in cases.items():
        assert regime.effect(command)[0] == pytest.approx(wanted)
        assert regime.effect(torch.from_numpy(command))[0].numpy() == pytest.approx(wanted)


def test_waypoints_in_the_air_stay_between_their_heights() -> None:
    way, rng = EndlessWay(8.0, 0.3, HEIGHTS), np.random.default_rng(0)
    way.begin(rng)
    for _ in range(300):
        before, goal = way.before, way.goal
        assert HEIGHTS[0] <= goal[2] <= HEIGHTS[1]
        assert abs(goal[2] - before[2]) <= CLIMB
        way.advance(goal, rng)
    assert way.reached == 300
    assert len(way.observe(way.before)) == 10


def test_the_executed_command_is_what_the_regime_makes_of_it() -> None:
    env = make(lengths=(20, 30))
    env.reset(seed=1)
    met = set()
    for action in ACTIONS:
        observation, _, terminated, _, info = env.step(action)
        assert not terminated
        regime = env.unwrapped.regimes[info["regime"]]  # type: ignore[attr-defined]
        assert info["effect"] == pytest.approx(regime.effect(action / HALF) * HALF, abs=1e-6)
        assert observation[12:16] == pytest.approx(action)  # as it was sent
        met.add(info["regime"])
    assert len(met) > 2


def test_a_robot_that_touches_the_ground_has_crashed_and_its_life_goes_on() -> None:
    env = make(regimes=1, others=0)
    env.reset(seed=0)
    info: dict[str, Any] = {}
    for _ in range(300):
        _, _, terminated, _, info = env.step(np.array([0.0, 0.0, -2.0, 0.0], np.float32))
        if terminated:
            break
    assert info["crash"] == "touched the ground"
    assert info["cross_track"] < LOST
    observation, info = env.reset()
    assert info["crashes"] == 1
    assert np.abs(observation[22:25]).max() < 1e-6  # at the waypoint before


def test_it_goes_on_to_the_bit() -> None:
    env, other = make(lengths=(20, 30)), make(lengths=(20, 30))
    env.reset(seed=3)
    for action in ACTIONS[:50]:
        env.step(action)
    other.reset(seed=4)
    other.unwrapped.set_episode_state(env.unwrapped.get_episode_state())  # type: ignore[attr-defined]
    for action in ACTIONS[50:]:
        one, two = env.step(action), other.step(action)
        assert np.array_equal(one[0], two[0])
        assert one[1] == two[1]
        assert one[4]["regime"] == two[4]["regime"]


def test_an_impossible_life_is_named() -> None:
    with pytest.raises(MissionError):
        make(regimes=3, others=3)
