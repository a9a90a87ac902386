"""The pusher: what it promises (check_env, units, reward), and that densities act as mechanics says."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from crl.checks import check_task_sequence
from crl_envs import pusher
from crl_envs.pusher import PusherEnv
from crl_envs.sequences import DENSITIES, HELD_OUT_DENSITIES

ALL = DENSITIES + HELD_OUT_DENSITIES
STILL = np.zeros(2, dtype=np.float32)
AHEAD = np.array([1.0, 0.0], dtype=np.float32)
GRAVITY = 9.81
VOLUME = 0.16 * 0.08 * 0.1  # m3, of a half


def placed(env: PusherEnv, aside: float = 0.0, gap: float = 0.002) -> None:
    """Start an episode with the block in its place, the fingertip behind it and ``aside`` to the left (m)."""
    env.reset(seed=0)
    env.data.qpos[:5] = -0.1 - gap, aside, 0.0, 0.0, 0.0
    env._observation = env._observe()


def pushed(env: PusherEnv, steps: int, aside: float = 0.0) -> np.ndarray:
    """Observations of a push straight ahead, [steps, 10]."""
    placed(env, aside)
    return np.stack([env.step(AHEAD)[0] for _ in range(steps)])


def steer(observation: np.ndarray, left: float, right: float) -> np.ndarray:
    """Push through the centre of friction, beside it to turn the block back; knows the densities."""
    x, y, turn, tip_x, tip_y = observation[:5].tolist()
    if x > -0.003:
        return STILL
    cosine, sine = math.cos(turn), math.sin(turn)
    towards = 8.0 * min(1.0, -16.0 * x) * max(-0.03, min(0.03, y))  # the turn that leads back to the line
    wanted = 0.04 * (left - right) / (left + right) + 1.2 * (turn + towards)
    error = max(-0.06, min(0.06, wanted)) - (cosine * tip_y - sine * tip_x)
    ahead = min(max(-10.0 * x, 0.75 if left + right > 1200 else 0.5), 1.0)
    if cosine * tip_x + sine * tip_y < -0.102 and abs(error) > 0.003:  # aim before touching it
        ahead = 0.0
    elif abs(error) > 0.04:  # slide along its face
        ahead *= 0.6
    aside = max(-1.0, min(1.0, 15.0 * error))
    action = [cosine * ahead - sine * aside, sine * ahead + cosine * aside]
    return np.clip(np.array(action, dtype=np.float32), -1.0, 1.0)


@pytest.mark.parametrize("densities", [(500, 500), (1000, 100)])
def test_passes_gymnasiums_own_checks(densities: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(PusherEnv(*densities), skip_render_check=True)


@pytest.mark.parametrize("name", ["PUSHER", "PUSHER_HELD_OUT"])
def test_the_sequences_keep_their_promises(name: str) -> None:
    check_task_sequence(f"crl_envs.sequences:{name}")


@pytest.mark.parametrize(("left", "right"), ALL)
def test_masses_are_density_times_volume(left: float, right: float) -> None:
    model = PusherEnv(left, right).model
    assert model.body("left").mass[0] == pytest.approx(left * VOLUME)
    assert model.body("right").mass[0] == pytest.approx(right * VOLUME)


def test_starts_at_rest_where_it_promises() -> None:
    env = PusherEnv()
    starts = np.stack([env.reset(seed=seed)[0] for seed in range(300)])
    assert np.abs(starts[:, 0] + 0.25).max() <= 0.01 + 1e-6
    assert np.abs(starts[:, 1]).max() <= 0.01
    assert np.abs(starts[:, 2]).max() <= 0.05
    assert not starts[:, 5:].any()
    np.testing.assert_allclose(starts[:, :3].std(axis=0), np.array([0.02, 0.02, 0.1]) / math.sqrt(12), rtol=0.15)
    cosine, sine = np.cos(starts[:, 2]), np.sin(starts[:, 2])
    behind, aside = cosine * starts[:, 3] + sine * starts[:, 4], cosine * starts[:, 4] - sine * starts[:, 3]
    assert behind.min() > -0.13 - 1e-6
    assert behind.max() < -0.11 + 1e-6
    assert np.abs(aside).max() < 0.03 + 1e-6


def test_an_episode_has_100_steps_of_100_ms() -> None:
    env = gymnasium.make("crl_envs:crl/Pusher-v0", left=100, right=500)
    env.reset(seed=0)
    for step in range(1, 101):
        _, _, terminated, truncated, _ = env.step(STILL)
        assert (terminated, truncated) == (False, step == 100)
    assert env.unwrapped.data.time == pytest.approx(10.0)


@pytest.mark.parametrize(("left", "right"), [(500, 500), (1000, 100)])
def test_an_untouched_block_stays(left: float, right: float) -> None:
    env = PusherEnv(left, right)
    before, _ = env.reset(seed=3)
    for step in range(100):  # the fingertip goes away and to and fro
        after = env.step(np.array([-0.3, math.sin(step)], dtype=np.float32))[0]
    np.testing.assert_allclose(after[:3], before[:3], atol=1e-6)
    np.testing.assert_allclose(after[5:8], 0.0, atol=1e-6)


@pytest.mark.parametrize(("left", "right"), [(500, 500), (1000, 100), (1000, 1000)])
def test_each_half_stands_on_its_own_weight(left: float, right: float) -> None:
    env = PusherEnv(left, right)
    env.reset(seed=0)
    for _ in range(10):
        env.step(np.array([-0.5, 0.0], dtype=np.float32))
    forces = {}
    for index in range(env.data.ncon):
        foot = env.model.geom(env.data.contact[index].geom[1]).name
        wrench = np.zeros(6)
        pusher.mujoco.mj_contactForce(env.model, env.data, index, wrench)
        forces[foot] = wrench[0]
    for half, density in (("left", left), ("right", right)):
        assert forces[f"{half}_foot"] == pytest.approx(density * VOLUME * GRAVITY, rel=1e-3)


@pytest.mark.parametrize("density", [100, 500, 1000])
def test_friction_slows_the_servo_by_coulombs_law(density: float) -> None:
    velocities = pushed(PusherEnv(density, density), 12)[-4:]
    friction = pusher.TABLE_FRICTION * 2 * density * VOLUME * GRAVITY
    np.testing.assert_allclose(velocities[:, 5], pusher.SPEED - friction / pusher.GAIN, atol=0.004)
    np.testing.assert_allclose(velocities[:, 5], velocities[:, 8], atol=0.002)  # no chatter


def test_a_push_beside_the_middle_turns_the_block_away() -> None:
    left, middle, right = (pushed(PusherEnv(), 8, aside)[-1, 2] for aside in (0.04, 0.0, -0.04))
    assert left < -0.05
    assert abs(middle) < 1e-4
    assert right == pytest.approx(-left, rel=1e-3)


def test_the_light_half_runs_ahead() -> None:
    turns = {pair: pushed(PusherEnv(*pair), 8)[-1, 2] for pair in ALL}
    for (left, right), turn in turns.items():
        assert np.sign(np.round(turn, 3)) == np.sign(left - right)
    assert turns[500, 100] > turns[500, 250] > 0.01
    for (left, right), turn in turns.items():
        if (right, left) in turns:
            assert turn == pytest.approx(-turns[right, left], abs=1e-4)


def test_every_two_blocks_move_differently() -> None:
    ends = [pushed(PusherEnv(*pair), 10)[-1] for pair in ALL]
    assert min(np.abs(a - b)[:3].max() for a, b in itertools.combinations(ends, 2)) > 0.005


def test_the_turn_wraps() -> None:
    env = PusherEnv()
    placed(env)
    for angle in (-7.0, -math.pi, 3.0, math.pi, 9.5):
        env.data.qpos[4] = angle
        wrapped = float(env._observe()[2])
        assert abs(wrapped) <= np.float32(math.pi)
        assert math.remainder(wrapped - angle, 2 * math.pi) == pytest.approx(0, abs=1e-6)


def corners(states: np.ndarray) -> np.ndarray:
    """Distances of the corners to those of the goal, float64 [..., 4], the long way round."""
    states = states.astype(np.float64)
    goal = np.array([[i * 0.08, j * 0.08] for i in (-1, 1) for j in (-1, 1)])
    turn = states[..., 2]
    rotation = np.stack([np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn)], -1).reshape(*turn.shape, 2, 2)
    block = states[..., None, :2] + goal @ np.swapaxes(rotation, -1, -2)
    return np.linalg.norm(block - goal, axis=-1)


def test_reward_is_the_formula_with_numpy_and_torch() -> None:
    env = PusherEnv()
    rng = np.random.default_rng(0)
    scale = np.array([0.1, 0.1, 0.5, 0.1, 0.1, 0.1, 0.1, 1, 0.1, 0.1], np.float32)
    states = rng.normal(size=(5, 7, 10)).astype(np.float32) * scale
    actions = rng.uniform(-1, 1, size=(5, 7, 2)).astype(np.float32)
    expected = (1 - np.tanh(10 * corners(states))).sum(-1) - 0.25 * np.linalg.norm(actions.astype(float), axis=-1)
    with_numpy = env.reward(states, actions, states)
    with_torch = env.reward(*map(torch.from_numpy, (states, actions, states)))
    assert with_numpy.dtype == np.float32
    assert with_torch.dtype == torch.float32
    np.testing.assert_allclose(with_numpy, expected, atol=5e-6)
    np.testing.assert_allclose(with_torch.numpy(), expected, atol=5e-6)
    assert env.reward(None, STILL, np.zeros(10, np.float32)) == 4.0


def test_success_is_all_corners_within_2_cm() -> None:
    env = PusherEnv()
    states = np.random.default_rng(1).normal(size=(2000, 10)).astype(np.float32) * 0.02
    states[:, 2] *= 5
    expected = (corners(states) <= 0.02).all(axis=-1)
    assert 100 < expected.sum() < 1900
    assert env.success(states).tolist() == expected.tolist()
    assert env.success(torch.from_numpy(states)).tolist() == expected.tolist()


def test_only_the_end_of_an_episode_counts() -> None:
    for leaves, wanted in ((False, True), (True, False)):
        env = PusherEnv()
        placed(env)
        flags = []
        for step in range(100):
            env.data.qpos[:5] = 0.0, -0.2, (0.0 if leaves and step > 90 else 0.25), 0.0, 0.0
            flags.append(env.step(STILL)[4]["is_success"])
        assert not any(flags[:-1])
        assert flags[-1] is wanted


@pytest.mark.parametrize("action", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_bounds_hold_where_the_fingertip_can_go(action: tuple[int, int]) -> None:
    env = PusherEnv(100, 100)
    placed(env, aside=0.05 * action[1])
    # Wildly ahead, then into a corner.
    rng = np.random.default_rng(0)
    seen = [env.step((AHEAD + rng.normal(size=2) * 0.5).astype(np.float32))[0] for _ in range(30)]
    seen += [env.step(np.array(action, dtype=np.float32))[0] for _ in range(70)]
    for index, field in enumerate(env.task["observation"]):
        if field["kind"] == "linear":
            assert field["low"] <= min(o[index] for o in seen)
            assert max(o[index] for o in seen) <= field["high"]


def test_save_and_restore_are_exact() -> None:
    env, other = PusherEnv(500, 100), PusherEnv(500, 100)
    env.reset(seed=0)
    other.reset(seed=9)
    actions = np.random.default_rng(0).uniform([0.0, -0.5], 1.0, size=(40, 2)).astype(np.float32)
    for action in actions[:20]:
        env.step(action)
    state = env.get_episode_state()
    first = [env.step(action)[:2] for action in actions[20:]]
    other.set_episode_state(state)
    for (observation, reward), action in zip(first, actions[20:], strict=True):
        again = other.step(action)
        np.testing.assert_array_equal(again[0], observation)
        assert again[1] == reward


@pytest.mark.parametrize(("left", "right"), ALL)
def test_every_block_can_be_pushed_to_its_goal(left: float, right: float) -> None:
    env = PusherEnv(left, right)
    for seed in range(3):
        observation, info = env.reset(seed=seed)
        for _ in range(100):
            observation, _, _, _, info = env.step(steer(observation, left, right))
        assert info["is_success"], f"seed {seed} ended at {observation[:3]}"


def shoot(env: PusherEnv, imagined: PusherEnv, rng: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    """Two rounds of the cross-entropy method over the true dynamics, 20 steps ahead; the best plan [20, 2]."""
    state = {**env.get_episode_state(), "steps": 0}
    deviation, best = np.full(mean.shape, 0.5), mean
    for _ in range(2):
        slow = np.repeat(rng.normal(size=(40, 5, 2)), 4, axis=1)  # an action is held for four steps
        plans = np.concatenate([np.clip(mean + deviation * slow, -1, 1), best[None], mean[None]]).astype(np.float32)
        returns = []
        for plan in plans:
            imagined.set_episode_state(state)
            returns.append(sum(imagined.step(action)[1] for action in plan))
        elites = plans[np.argsort(returns)[::-1][:6]]
        best, mean, deviation = elites[0], elites.mean(0), elites.std(0) + 0.02
    return best


@pytest.mark.slow
def test_planning_with_true_dynamics_reaches_the_goal() -> None:
    env, imagined = PusherEnv(), PusherEnv()
    env.reset(seed=0)
    imagined.reset(seed=0)
    rng, mean = np.random.default_rng(0), np.tile(AHEAD * 0.5, (20, 1))
    info: dict[str, Any] = {}
    for _ in range(100):
        plan = shoot(env, imagined, rng, mean)
        info = env.step(plan[0])[4]
        mean = np.concatenate([plan[1:], plan[-1:]])
    assert info["is_success"]


@pytest.mark.parametrize("densities", [(0, 500), (500, -1), (500, 6000), (math.nan, 500)])
def test_an_impossible_density_is_refused(densities: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"outside 50\.\.5000 kg/m3"):
        PusherEnv(*densities)
