"""The pusher's life: its regimes in the model, goals that go on, lost blocks, and going on to the bit."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from crl_envs.lives.pusher_life import AHEAD, ESCAPED, LOSS, PATIENCE, PusherLifeEnv
from crl_envs.lives.regimes.blocks import DENSITIES, FRICTIONS, NOMINAL, BlockBody, BlockRegime, draw_blocks
from crl_envs.pusher import TABLE_FRICTION, pusher_model

ACTIONS = np.random.default_rng(0).uniform((0.2, -0.2), (1.0, 0.2), size=(60, 2)).astype(np.float32)


def test_regimes_are_different_and_within_their_ranges() -> None:
    regimes = draw_blocks(12, np.random.default_rng(1))
    assert regimes[0] == NOMINAL
    assert len({one.numbers for one in regimes}) == 12
    for one in regimes:
        for value, (low, high) in zip(one.numbers, (DENSITIES, DENSITIES, FRICTIONS), strict=True):
            assert low <= value <= high


def test_a_regime_is_the_model_of_its_numbers() -> None:
    model, other = pusher_model(500, 500), pusher_model(200, 900)
    BlockBody(model).become(BlockRegime("one", 200, 900, 0.3))
    assert model.body_mass == pytest.approx(other.body_mass)
    assert model.body_inertia == pytest.approx(other.body_inertia)
    assert model.body_subtreemass == pytest.approx(other.body_subtreemass)
    assert model.pair_friction[:2] == pytest.approx(other.pair_friction[:2] * 0.3 / TABLE_FRICTION)
    assert model.pair_friction[2:] == pytest.approx(other.pair_friction[2:])


def test_a_heavy_block_on_a_rough_table_moves_less() -> None:
    ways = []
    for regime in (BlockRegime("light", 200, 200, 0.3), BlockRegime("heavy", 800, 800, 0.65)):
        model = pusher_model(500, 500)
        BlockBody(model).become(regime)
        data = mujoco.MjData(model)
        data.qpos[0] = -0.11
        data.ctrl[0] = 0.2
        mujoco.mj_step(model, data, nstep=200)
        ways.append(float(data.qpos[2]))
    assert ways[0] > 1.2 * ways[1] > 0.05


def test_it_is_an_environment_of_gymnasium() -> None:
    check_env(PusherLifeEnv(), skip_render_check=True)


def test_goals_go_on_and_observations_say_where_they_are() -> None:
    env = PusherLifeEnv(regimes=1)
    observation, _ = env.reset(seed=0)
    goals = {(round(float(observation[0] + observation[2]), 4), round(float(observation[1] + observation[3]), 4))}
    for _ in range(60):
        observation, reward, terminated, _, info = env.step(np.array([1.0, 0.0], np.float32))
        assert info["beside"] == pytest.approx(float(np.hypot(*observation[2:4])), abs=1e-6)
        assert reward <= 1
        if terminated:
            observation, _ = env.reset()
        goals.add((round(float(sum(observation[0:4:2])), 3), round(float(sum(observation[1:4:2])), 3)))
    assert len(goals) >= 3


def test_a_goal_stays_when_its_block_is_there() -> None:
    env, still = PusherLifeEnv(regimes=1), np.zeros(2, np.float32)
    env.reset(seed=0)
    moved(env, 0.0, 0.0)
    waited = env._wait
    assert PATIENCE[0] <= waited <= PATIENCE[1]
    rewards = [env.step(still)[1] for _ in range(waited - 1)]
    assert min(rewards) > 0.95  # before, the next goal was 10 cm and more away at once, and the reward below 0.3
    observation, _, _, _, _ = env.step(still)
    assert AHEAD[0] <= observation[2] <= AHEAD[1]


def test_goals_come_at_the_same_steps_whether_or_not_the_block_is_there() -> None:
    still, pushing = PusherLifeEnv(regimes=1), PusherLifeEnv(regimes=1)
    still.reset(seed=2)
    pushing.reset(seed=2)
    for _ in range(40):
        still.step(np.zeros(2, np.float32))
        if pushing.step(np.array([0.6, 0.0], np.float32))[2]:
            pushing.reset()
        assert still._wait == pushing._wait


def test_a_lost_block_is_a_crash_and_is_put_back() -> None:
    env = PusherLifeEnv(regimes=1)
    env.reset(seed=0)
    for _ in range(200):  # beside its middle: the block turns
        action = np.array([1.0, 0.6 if env._observation[6] < 0.06 else 0.0], np.float32)
        observation, reward, terminated, _, info = env.step(action)
        if terminated:
            break
    assert info["crash"] in ("turned", "lost")
    assert reward < 1 - LOSS
    again, info = env.reset()
    assert info["crashes"] == 1
    assert abs(again[4]) <= 0.05
    assert again[0] == pytest.approx(observation[0], abs=1e-6)
    assert again[3] == pytest.approx(0.0, abs=1e-6)  # on its way


def test_it_goes_on_to_the_bit() -> None:
    one, other = PusherLifeEnv(lengths=(10, 20)), PusherLifeEnv(lengths=(10, 20))
    one.reset(seed=3)
    other.reset(seed=4)
    for action in ACTIONS[:30]:
        if one.step(action)[2]:
            one.reset()
    other.set_episode_state(one.get_episode_state())
    for action in ACTIONS[30:]:
        mine, theirs = one.step(action), other.step(action)
        assert np.array_equal(mine[0], theirs[0])
        assert mine[1:4] == theirs[1:4]
        if mine[2]:
            assert np.array_equal(one.reset()[0], other.reset()[0])


def moved(env: PusherLifeEnv, beyond: float, beside: float) -> None:
    """Put block and fingertip somewhere relative to the goal, at rest."""
    env._data.qvel[:] = 0
    env._data.qpos[2:5] = env._goal[0] + beyond, env._goal[1] + beside, 0.0
    env._data.qpos[0:2] = env._data.qpos[2:4] - np.array([0.2, 0.0])


def test_a_block_that_was_lost_beyond_its_goal_has_a_goal_ahead_again() -> None:
    env, still = PusherLifeEnv(regimes=1), np.zeros(2, np.float32)
    env.reset(seed=0)
    moved(env, ESCAPED + 0.01, 0.0)
    assert env.step(still)[4]["crash"] == "lost"
    again, _ = env.reset()
    assert again[2] > 0  # before, it was still beyond, and lost at every step
    for _ in range(5):
        assert not env.step(still)[2]


def test_a_goal_that_is_replaced_in_time_loses_no_block() -> None:
    for seed in range(8):
        env, still = PusherLifeEnv(regimes=1), np.zeros(2, np.float32)
        env.reset(seed=seed)
        for side in (-1, 1):
            moved(env, -0.05, side * (ESCAPED - 0.01))
            env._wait = 1
            for _ in range(3):
                _, reward, terminated, _, _ = env.step(still)
                assert not terminated
                assert reward > -1


def test_a_goal_never_runs_away_from_a_block_that_stays() -> None:
    env, still = PusherLifeEnv(regimes=1), np.zeros(2, np.float32)
    env.reset(seed=0)
    for _ in range(400):
        observation = env.step(still)[0]
        assert observation[2] <= AHEAD[1]  # before, it was 1.5 m away by now, where the reward tells nothing
