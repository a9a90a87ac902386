"""The cart-pole's life: how it moves, its regimes, goals and falls, and going on to the bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import crl_envs
from crl_envs.lives.cartpole_life import FALL, FALLEN, PERIOD, CartPoleLifeEnv
from crl_envs.lives.regimes.poles import (
    CART_MASS,
    FORCE,
    GAINS,
    GRAVITY,
    LENGTHS,
    MASSES,
    NOMINAL,
    PoleRegime,
    draw_poles,
    step_pole,
)
from crl_envs.missions import MissionError

ACTIONS = np.random.default_rng(0).uniform(-0.5, 0.5, size=(120, 1)).astype(np.float32)
HEAVY = PoleRegime("heavy", 0.9, 7.0, -0.8)


def energy(state: Any, regime: PoleRegime) -> float:
    """Kinetic and potential energy of cart and rod (J)."""
    _, angle, velocity, rate = state
    mass, half = regime.mass, regime.length / 2
    across, up = velocity + half * rate * math.cos(angle), -half * rate * math.sin(angle)
    turning = mass * regime.length**2 / 12 * rate**2 / 2
    return float(
        CART_MASS * velocity**2 / 2 + mass * (across**2 + up**2) / 2 + turning + mass * GRAVITY * half * math.cos(angle)
    )


@pytest.mark.parametrize("regime", [NOMINAL, HEAVY])
def test_what_moves_freely_keeps_its_energy(regime: PoleRegime) -> None:
    state = np.array([0.1, 0.5, 0.3, -1.0])
    before = energy(state, regime)
    for _ in range(50):
        state = step_pole(state, 0.0, regime, PERIOD)
    assert energy(state, regime) == pytest.approx(before, rel=2e-3)


def test_the_motor_does_the_work_of_its_gain() -> None:
    state, work, period = np.array([0.0, 0.2, 0.5, 0.0]), 0.0, 1e-3
    before = energy(state, HEAVY)
    for _ in range(200):
        after = step_pole(state, 0.4, HEAVY, period)
        work += FORCE * HEAVY.gain * 0.4 * (after[0] - state[0])
        state = after
    assert energy(state, HEAVY) - before == pytest.approx(work, rel=1e-4)


def test_a_batch_of_torch_moves_alike() -> None:
    rng = np.random.default_rng(3)
    states, commands = rng.normal(0, 0.4, size=(6, 4)), rng.uniform(-1, 1, size=6)
    alone = [step_pole(state, command, HEAVY, PERIOD) for state, command in zip(states, commands, strict=True)]
    batch = step_pole(torch.from_numpy(states), torch.from_numpy(commands), HEAVY, PERIOD)
    assert batch.numpy() == pytest.approx(np.stack(alone), abs=1e-12)


@pytest.mark.parametrize("count", [1, 12, 200])
def test_regimes_are_different_and_within_their_ranges(count: int) -> None:
    regimes = draw_poles(count, np.random.default_rng(1))
    assert regimes[0] == NOMINAL
    assert len({(one.length, one.mass, one.gain) for one in regimes}) == count
    assert len({one.name for one in regimes}) == count
    for one in regimes:
        for value, (low, high) in ((one.length, LENGTHS), (one.mass, MASSES), (abs(one.gain), GAINS)):
            assert low <= value <= high
    assert any(one.gain < 0 for one in regimes) == (count > 1)


def test_it_is_an_environment_of_gymnasium() -> None:
    assert "crl/CartPoleLife-v0" in crl_envs.ENVIRONMENTS
    check_env(CartPoleLifeEnv(), skip_render_check=True)


def test_goals_and_regimes_do_not_depend_on_the_robot() -> None:
    seen = []
    for factor in (1.0, -0.5):
        env = CartPoleLifeEnv(lengths=(10, 20))
        env.reset(seed=5)
        rows = []
        for action in ACTIONS:
            observation, _, terminated, _, info = env.step(factor * action)
            rows.append((info["regime"], round(float(observation[0] + observation[1]), 5)))
            if terminated:
                env.reset()
        seen.append(rows)
    assert seen[0] == seen[1]
    assert len(set(seen[0])) >= 6


def test_a_fall_costs_counts_and_the_life_goes_on() -> None:
    env = CartPoleLifeEnv(regimes=1)
    env.reset(seed=0)
    for _ in range(100):
        observation, reward, terminated, truncated, info = env.step(np.ones(1, np.float32))
        if terminated:
            break
    assert info["crash"] == "fallen"
    assert abs(observation[2]) > FALLEN
    assert reward < 1 - FALL
    assert not truncated
    again, info = env.reset()
    assert info["crashes"] == 1
    assert abs(again[2]) < 0.2
    assert again[0] == pytest.approx(observation[0])
    assert again[0] + again[1] == pytest.approx(observation[0] + observation[1], abs=1e-6)  # the goal stays


def test_the_reward_is_one_above_the_goal() -> None:
    env, nothing = CartPoleLifeEnv(), np.zeros((3, 1))
    states = np.array([[0.3, 0.0, 0, 0, 0], [0.3, 0.6, 0.0, 0, 0], [0.3, 0.0, 0.9, 0, 0]])
    assert env.reward(states, nothing, states)[:2] == pytest.approx([1.0, 0.5])
    assert env.reward(states, nothing, states)[2] < 1 - FALL
    assert env.reward(states, np.ones((3, 1)), states)[0] == pytest.approx(0.99)


def test_an_oracle_is_told_the_motion() -> None:
    env = CartPoleLifeEnv(lengths=(5, 9))
    observation, _ = env.reset(seed=2)
    for action in ACTIONS[:30]:
        told = env.next_motion()(torch.from_numpy(observation).unsqueeze(0), torch.from_numpy(action).unsqueeze(0))[0]
        goal = observation[0] + observation[1]
        observation, _, terminated, _, _ = env.step(action)
        moved = observation[[0, 2, 3, 4]]
        assert told[[0, 2, 3, 4]].numpy() == pytest.approx(moved, abs=0.02)
        assert float(told[0] + told[1]) == pytest.approx(goal, abs=1e-5)
        if terminated:
            observation, _ = env.reset()


def test_it_goes_on_to_the_bit() -> None:
    one, other = CartPoleLifeEnv(lengths=(10, 20)), CartPoleLifeEnv(lengths=(10, 20))
    one.reset(seed=3)
    other.reset(seed=4)
    for action in ACTIONS[:40]:
        if one.step(action)[2]:
            one.reset()
    other.set_episode_state(one.get_episode_state())
    for action in ACTIONS[40:]:
        mine, theirs = one.step(action), other.step(action)
        assert np.array_equal(mine[0], theirs[0])
        assert mine[1:] == theirs[1:]
        if mine[2]:
            assert np.array_equal(one.reset()[0], other.reset()[0])


def test_bad_input_is_named() -> None:
    with pytest.raises(MissionError, match="a life of 0 regimes"):
        CartPoleLifeEnv(regimes=0)
    env = CartPoleLifeEnv()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="not finite"):
        env.step(np.array([np.nan], np.float32))
    with pytest.raises(ValueError, match="takes"):
        env.step(np.zeros(2, np.float32))
