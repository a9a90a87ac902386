"""The husky's life: regimes on its commands, the end of a stretch, and going on to the bit."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

pytest.importorskip("pybullet")

ACTIONS = np.random.default_rng(0).uniform(-1, 1, size=(60, 2)).astype(np.float32)
HALF = np.array([1.0, np.pi / 2])


def make(**kwargs: Any) -> gymnasium.Env[Any, Any]:
    """The environment, with short visits."""
    return gymnasium.make("crl/HuskyLife-v0", disable_env_checker=True, lengths=(10, 15), **kwargs)


def test_the_executed_command_is_what_the_regime_makes_of_it_and_the_observed_one_is_as_sent() -> None:
    env = make()
    env.reset(seed=1)
    met = set()
    for action in ACTIONS:
        observation, _, terminated, _, info = env.step(action)
        assert not terminated
        regime = env.unwrapped.regimes[info["regime"]]  # type: ignore[attr-defined]
        assert info["effect"] == pytest.approx(regime.effect(action.astype(np.float64) / HALF) * HALF)
        assert observation[6:8] == pytest.approx(action)
        assert env.observation_space.contains(observation)
        met.add(info["regime"])
    assert len(met) > 2
    env.close()


def test_after_a_stretch_it_stands_at_its_waypoint_and_goes_on() -> None:
    env = make(episode_steps=20)
    env.reset(seed=1)
    for action in ACTIONS[:20]:
        _, _, terminated, truncated, before = env.step(action)
    assert (terminated, truncated) == (False, True)
    observation, info = env.reset()
    assert (info["crashes"], info["reached"], info["visits"]) == (0, before["reached"], before["visits"])
    assert np.abs(observation[12:14]).max() < 0.01
    assert np.abs(observation[3:6]).max() < 0.01
    env.close()


def test_it_goes_on_to_the_bit() -> None:
    env, other = make(), make()
    env.reset(seed=3)
    for action in ACTIONS[:25]:
        env.step(action)
    other.reset(seed=4)
    other.unwrapped.set_episode_state(env.unwrapped.get_episode_state())  # type: ignore[attr-defined]
    for action in ACTIONS[25:]:
        one, two = env.step(action), other.step(action)
        assert np.array_equal(one[0], two[0])
        assert one[1] == two[1]
        assert one[4]["regime"] == two[4]["regime"]
    for each in (env, other):
        each.close()
