"""The half-cheetah bodies: what they promise, that parts are enlarged as told, and that it stands and runs."""

from __future__ import annotations

import math
import warnings
from typing import get_args

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from crl.checks import check_task_sequence
from crl_envs import half_cheetah
from crl_envs.half_cheetah import HalfCheetahBodyEnv
from crl_envs.sequences import BODIES

STILL = np.zeros(6, dtype=np.float32)
CHANGED = {
    "base": set(),
    "torso": {"torso"},
    "thigh": {"back_thigh", "front_thigh"},
    "shin": {"back_shin", "front_shin"},
    "foot": {"back_foot", "front_foot"},
}
GEOMS = ("torso", "head", *(part.name for part in half_cheetah.PARTS))


def volume(radius: float, length: float) -> float:
    """Of a capsule (m3)."""
    return math.pi * radius**2 * length + 4 / 3 * math.pi * radius**3


def test_the_sequence_has_every_body() -> None:
    assert get_args(half_cheetah.Body) == BODIES


@pytest.mark.parametrize("body", ["base", "foot"])
def test_passes_gymnasiums_own_checks(body: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(HalfCheetahBodyEnv(body), skip_render_check=True)


def test_success_means_nothing_here() -> None:
    assert HalfCheetahBodyEnv("base").task["has_success"] is False


def test_the_sequence_keeps_its_promises() -> None:
    check_task_sequence("crl_envs.sequences:HALF_CHEETAH_BODY")


@pytest.mark.parametrize("body", BODIES)
def test_only_the_named_parts_are_enlarged(body: str) -> None:
    model, base = HalfCheetahBodyEnv(body).model, HalfCheetahBodyEnv("base").model
    assert {model.geom(i).name for i in range(model.ngeom)} == {"floor", *GEOMS}
    for name in GEOMS:
        factor = 1.25 if name in CHANGED[body] else 1.0
        ours, theirs = model.geom(name), base.geom(name)
        np.testing.assert_allclose(ours.size[:2], factor * theirs.size[:2])
        np.testing.assert_allclose(ours.pos, theirs.pos, atol=1e-12)
        np.testing.assert_allclose(np.abs(ours.quat @ theirs.quat), 1.0)
    np.testing.assert_allclose(model.body_pos, base.body_pos)
    np.testing.assert_allclose(model.jnt_range, base.jnt_range)


@pytest.mark.parametrize("body", BODIES)
def test_the_mass_is_that_of_the_volume(body: str) -> None:
    model = HalfCheetahBodyEnv(body).model
    lengths = {"torso": 1.0, "head": math.hypot(0.22, 0.18)}
    lengths |= {part.name: math.hypot(*part.reach) for part in half_cheetah.PARTS}
    factors = {name: 1.25 if name in CHANGED[body] else 1.0 for name in GEOMS}
    expected = {name: 680.0 * volume(0.045 * factors[name], lengths[name] * factors[name]) for name in GEOMS}
    for part in half_cheetah.PARTS:
        assert model.body(part.name).mass[0] == pytest.approx(expected[part.name])
    assert model.body("torso").mass[0] == pytest.approx(expected["torso"] + expected["head"])
    assert model.body_mass.sum() == pytest.approx(sum(expected.values()))
    if body == "base":
        assert model.body_mass.sum() == pytest.approx(14.0, abs=0.1)


def test_every_body_has_another_mass() -> None:
    masses = sorted(HalfCheetahBodyEnv(body).model.body_mass.sum() for body in BODIES)
    assert np.diff(masses).min() > 0.1


@pytest.mark.parametrize("body", BODIES)
def test_it_starts_just_above_the_ground_and_stays_upright(body: str) -> None:
    env = HalfCheetahBodyEnv(body)
    for seed in range(3):
        env.reset(seed=seed)
        assert env._lowest() == pytest.approx(0.005, abs=1e-6)
        for _ in range(80):
            observation, *_ = env.step(STILL)
        assert abs(observation[2]) < 0.35
        assert 0.4 < observation[1] < 0.8
        assert np.abs(observation[9:]).max() < 0.1
        assert abs(observation[0]) < 0.02


def test_forward_is_where_the_head_is() -> None:
    env = HalfCheetahBodyEnv()
    env.reset(seed=0)
    assert env.data.geom("head").xpos[0] > env.data.geom("torso").xpos[0] + 0.4
    for velocity in (2.0, -2.0):
        env.reset(seed=0)
        env.data.qpos[1] += 1.0  # in the air, where nothing brakes it
        env.data.qvel[:] = 0.0
        env.data.qvel[0] = velocity
        start = float(env.data.qpos[0])
        observation, reward, *_ = env.step(STILL)
        assert observation[0] == pytest.approx((env.data.qpos[0] - start) / 0.05, rel=1e-5)
        assert np.sign(observation[0]) == np.sign(velocity)
        assert reward == pytest.approx(observation[0])


def test_rewards_without_cost_add_up_to_the_distance() -> None:
    env = HalfCheetahBodyEnv()
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    distance = 0.0
    start = float(env.data.qpos[0])
    for _ in range(50):
        action = rng.uniform(-1, 1, size=6).astype(np.float32)
        _, reward, *_ = env.step(action)
        distance += 0.05 * (reward + 0.1 * float((action**2).sum()))
    assert distance == pytest.approx(float(env.data.qpos[0]) - start, abs=1e-4)


@pytest.mark.parametrize("index", range(6))
def test_a_motor_turns_its_own_joint(index: int) -> None:
    env = HalfCheetahBodyEnv()
    turned = []
    for command in (0.5, -0.5):
        env.reset(seed=0)
        env.data.qpos[1] += 2.0
        env.data.qpos[2:] = 0.0
        env.data.qvel[:] = 0.0
        action = STILL.copy()
        action[index] = command
        turned.append(env.step(action)[0][3 + index])
    assert turned[0] > 0.02
    assert turned[1] < -0.02


def test_an_episode_has_200_steps_of_50_ms() -> None:
    env = gymnasium.make("crl_envs:crl/HalfCheetahBody-v0", body="shin")
    env.reset(seed=0)
    for step in range(1, 201):
        _, _, terminated, truncated, info = env.step(STILL)
        assert (terminated, truncated, info["is_success"]) == (False, step == 200, False)
    assert env.unwrapped.data.time == pytest.approx(10.0)


@pytest.mark.parametrize("body", ["base", "torso"])
def test_bounds_hold_under_full_torques(body: str) -> None:
    env = HalfCheetahBodyEnv(body)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    seen = np.stack([env.step(np.sign(rng.normal(size=6)).astype(np.float32))[0] for _ in range(200)])
    assert np.isfinite(seen).all()
    for index, field in enumerate(env.task["observation"]):
        if field["kind"] == "linear":
            assert field["low"] <= seen[:, index].min(), field["name"]
            assert seen[:, index].max() <= field["high"], field["name"]


def test_reward_is_the_formula_and_success_is_never_with_numpy_and_torch() -> None:
    env = HalfCheetahBodyEnv()
    rng = np.random.default_rng(0)
    states = rng.normal(size=(5, 7, 18)).astype(np.float32)
    actions = rng.uniform(-1, 1, size=(5, 7, 6)).astype(np.float32)
    expected = states[..., 0].astype(float) - 0.1 * (actions.astype(float) ** 2).sum(-1)
    with_numpy = env.reward(states, actions, states)
    with_torch = env.reward(*map(torch.from_numpy, (states, actions, states)))
    assert with_numpy.dtype == np.float32
    assert with_torch.dtype == torch.float32
    np.testing.assert_allclose(with_numpy, expected, atol=2e-6)
    np.testing.assert_allclose(with_torch.numpy(), expected, atol=2e-6)
    for success in (env.success(states), env.success(torch.from_numpy(states))):
        assert success.shape == (5, 7)
        assert "bool" in str(success.dtype)
        assert not success.any()
    assert not env.success(states[0, 0])


def test_save_and_restore_are_exact() -> None:
    env, other = HalfCheetahBodyEnv("thigh"), HalfCheetahBodyEnv("thigh")
    env.reset(seed=0)
    other.reset(seed=9)
    actions = np.random.default_rng(0).uniform(-1, 1, size=(40, 6)).astype(np.float32)
    for action in actions[:20]:
        env.step(action)
    state = env.get_episode_state()
    first = [env.step(action)[:2] for action in actions[20:]]
    other.set_episode_state(state)
    for (observation, reward), action in zip(first, actions[20:], strict=True):
        again = other.step(action)
        np.testing.assert_array_equal(again[0], observation)
        assert again[1] == reward


@pytest.mark.slow
def test_planning_with_true_dynamics_runs_forward() -> None:
    env, imagined = HalfCheetahBodyEnv(), HalfCheetahBodyEnv()
    env.reset(seed=0)
    imagined.reset(seed=0)
    rng, mean, start = np.random.default_rng(0), np.zeros((10, 6), dtype=np.float32), float(env.data.qpos[0])
    for _ in range(60):
        state = {**env.get_episode_state(), "steps": 0}
        noise = np.repeat(rng.normal(size=(60, 5, 6)), 2, axis=1) * 0.7
        plans = np.concatenate([np.clip(mean + noise, -1, 1), mean[None]]).astype(np.float32)
        returns = []
        for plan in plans:
            imagined.set_episode_state(state)
            returns.append(sum(imagined.step(action)[1] for action in plan))
        best = plans[int(np.argmax(returns))]
        env.step(best[0])
        mean = np.concatenate([best[1:], 0 * best[-1:]])
    assert float(env.data.qpos[0]) - start > 2.0


def test_an_unknown_body_is_refused() -> None:
    with pytest.raises(ValueError, match="use one of base, torso, thigh, shin, foot"):
        HalfCheetahBodyEnv("arm")
