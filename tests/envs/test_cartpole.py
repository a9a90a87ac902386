"""The cart-pole: what it promises (check_env, units, reward), and that its physics is physics."""

from __future__ import annotations

import math
import warnings

import gymnasium
import mujoco
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from crl_envs import cartpole
from crl_envs.cartpole import CartPoleLengthEnv
from crl_envs.sequences import LENGTHS

STILL = np.zeros(1, dtype=np.float32)
GRAVITY = 9.81


def placed(env: CartPoleLengthEnv, x: float, angle: float, velocity: float = 0.0, spin: float = 0.0) -> None:
    """Start an episode in a given state."""
    env.reset(seed=0)
    env.data.qpos[:] = x, angle
    env.data.qvel[:] = velocity, spin
    mujoco.mj_forward(env.model, env.data)
    env._observation = env._observe()


def pole(length: float) -> tuple[float, float]:
    """Mass (kg) and inertia about the pivot (kg m2) of a capsule, from the textbook."""
    radius, density = cartpole.POLE_RADIUS, cartpole.DENSITY
    rod, caps = density * math.pi * radius**2 * length, density * 4 / 3 * math.pi * radius**3
    centre = rod * (length**2 / 12 + radius**2 / 4)
    centre += caps * (2 / 5 * radius**2 + length**2 / 4 + 3 / 8 * length * radius)
    return rod + caps, centre + (rod + caps) * (length / 2) ** 2


@pytest.mark.parametrize("length", [0.4, 1.3])
def test_passes_gymnasiums_own_checks(length: float) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(CartPoleLengthEnv(length=length), skip_render_check=True)


def test_starts_hanging_with_the_promised_noise() -> None:
    env = CartPoleLengthEnv()
    starts = np.stack([env.reset(seed=seed)[0] for seed in range(400)])
    starts[:, 1] = np.abs(starts[:, 1]) - math.pi  # the noise puts it on either side of the wrap
    assert np.abs(starts[:, [0, 2, 3]].mean(axis=0)).max() < 0.02
    np.testing.assert_allclose(starts[:, [0, 2, 3]].std(axis=0), 0.1, rtol=0.15)
    np.testing.assert_allclose(np.sqrt((starts[:, 1] ** 2).mean()), 0.1, rtol=0.15)


def test_an_episode_has_200_steps_of_40_ms() -> None:
    env = gymnasium.make("crl_envs:crl/CartPoleLength-v0", length=0.6)
    env.reset(seed=0)
    for step in range(1, 201):
        _, _, terminated, truncated, _ = env.step(STILL)
        assert (terminated, truncated) == (False, step == 200)
    assert env.unwrapped.data.time == pytest.approx(8.0)


@pytest.mark.parametrize("length", LENGTHS)
def test_small_swings_have_the_period_of_theory(length: float) -> None:
    env = CartPoleLengthEnv(length=length)
    placed(env, 0.0, math.pi - 0.02)
    angles = []
    for _ in range(200):
        observation, *_ = env.step(STILL)
        angles.append(observation[1] % (2 * math.pi) - math.pi)
    angles = np.array(angles)
    up = np.flatnonzero((angles[:-1] < 0) & (angles[1:] >= 0))
    crossings = up + angles[up] / (angles[up] - angles[up + 1])
    period = 0.04 * np.diff(crossings).mean()
    # Lagrange: the cart gives way, so omega^2 = m g c (M + m) / (J (M + m) - m^2 c^2).
    mass, inertia = pole(length)
    total, moment = cartpole.CART_MASS + mass, mass * length / 2
    omega = math.sqrt(GRAVITY * moment * total / (inertia * total - moment**2))
    assert period == pytest.approx(2 * math.pi / omega, rel=2e-3)


@pytest.mark.parametrize("length", [0.4, 1.3])
def test_an_undriven_pole_keeps_its_energy(length: float) -> None:
    env = CartPoleLengthEnv(length=length)
    env.model.opt.enableflags |= int(mujoco.mjtEnableBit.mjENBL_ENERGY)
    placed(env, 0.0, 1.0)
    energy = []
    for _ in range(200):
        env.step(STILL)
        mujoco.mj_forward(env.model, env.data)
        energy.append(float(env.data.energy.sum()))
    swing = pole(length)[0] * GRAVITY * length
    assert np.ptp(energy) < 1e-3 * swing


@pytest.mark.parametrize("command", [-1.0, 0.25])
def test_the_motor_moves_the_centre_of_mass_by_newtons_law(command: float) -> None:
    env = CartPoleLengthEnv(length=0.8)
    placed(env, 0.0, 2.0)
    mass, _ = pole(0.8)

    def momentum() -> float:
        _, angle, velocity, spin = env._observe()
        return cartpole.CART_MASS * velocity + mass * (velocity + 0.4 * math.cos(angle) * spin)

    before = momentum()
    for _ in range(3):
        env.step(np.array([command], dtype=np.float32))
    assert momentum() - before == pytest.approx(300 * command * 3 * 0.04, rel=1e-3)


@pytest.mark.parametrize("half", [9, 11, 14, 25])
@pytest.mark.parametrize("length", [0.4, 1.0])
def test_the_stops_hold_the_cart_within_the_described_bounds(length: float, half: int) -> None:
    env = CartPoleLengthEnv(length=length)
    env.reset(seed=half)
    commands = [1.0 if step // half % 2 == 0 else -1.0 for step in range(200)]
    places = [abs(env.step(np.array([command], np.float32))[0][0]) for command in commands]
    assert 2.4 < max(places) < env.task["observation"][0]["high"]


def test_angle_zero_is_upright_and_leans_to_plus_x() -> None:
    env = CartPoleLengthEnv(length=1.0)
    placed(env, 0.3, 0.5)
    tip = env.data.body("pole").xpos + env.data.body("pole").xmat.reshape(3, 3) @ [0, 0, 1.0]
    np.testing.assert_allclose(tip, [0.3 + math.sin(0.5), 0, math.cos(0.5)], atol=1e-9)


@pytest.mark.parametrize("turns", [-2, 0, 3])
@pytest.mark.parametrize("angle", [-3.0, -0.5, 0.0, 0.5, 3.0, math.pi])
def test_the_angle_wraps(angle: float, turns: int) -> None:
    env = CartPoleLengthEnv()
    placed(env, 0.0, angle + turns * 2 * math.pi)
    wrapped = env._observe()[1]
    assert -np.float32(math.pi) <= wrapped <= np.float32(math.pi)
    assert math.remainder(float(wrapped) - angle, 2 * math.pi) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("length", [0.4, 1.3])
def test_reward_is_the_formula_with_numpy_and_torch(length: float) -> None:
    env = CartPoleLengthEnv(length=length)
    rng = np.random.default_rng(0)
    states = rng.normal(size=(5, 7, 4)).astype(np.float32) * np.array([1, 2, 3, 5], np.float32)
    actions = rng.uniform(-1, 1, size=(5, 7, 1)).astype(np.float32)
    x, angle = states[..., 0].astype(float), states[..., 1].astype(float)
    tip = np.stack([x + length * np.sin(angle), length * np.cos(angle) - length], axis=-1)
    expected = np.exp(-(tip**2).sum(-1) / length**2) - 0.01 * actions[..., 0].astype(float) ** 2
    with_numpy = env.reward(states, actions, states)
    with_torch = env.reward(*map(torch.from_numpy, (states, actions, states)))
    assert with_numpy.dtype == np.float32
    assert with_torch.dtype == torch.float32
    np.testing.assert_allclose(with_numpy, expected, atol=2e-6)
    np.testing.assert_allclose(with_torch.numpy(), expected, atol=2e-6)
    assert env.reward(None, np.zeros(1, np.float32), np.zeros(4, np.float32)) == 1.0


def test_success_of_an_observation_is_a_reward_of_08() -> None:
    env = CartPoleLengthEnv(length=0.7)
    near = 0.7 * math.sqrt(-math.log(0.8))
    states = np.array([[near - 1e-4, 0, 0, 0], [near + 1e-4, 0, 0, 0], [0, math.pi, 0, 0]], dtype=np.float32)
    assert env.success(states).tolist() == [True, False, False]
    assert env.success(torch.from_numpy(states)).tolist() == [True, False, False]


def balance(env: CartPoleLengthEnv, until: int) -> list[bool]:
    """Play an episode that starts balanced; after ``until`` steps the pole is hung down. Returns the flags."""
    flags = []
    placed(env, 0.0, 0.0)
    for step in range(200):
        env.data.qpos[:] = 0.0, (0.0 if step < until else math.pi)
        env.data.qvel[:] = 0.0
        flags.append(env.step(STILL)[4]["is_success"])
    return flags


def test_an_episode_succeeds_by_its_last_50_steps_only() -> None:
    env = CartPoleLengthEnv()
    held = balance(env, until=200)
    assert not any(held[:-1])
    assert held[-1]
    assert balance(env, until=191)[-1]  # 41 of 50 steps are worth 1
    assert not any(balance(env, until=189))


def test_lengths_change_the_dynamics() -> None:
    ends = []
    for length in LENGTHS:
        env = CartPoleLengthEnv(length=length)
        env.reset(seed=3)
        for _ in range(10):
            observation, *_ = env.step(np.array([0.5], dtype=np.float32))
        ends.append(observation)
    gaps = [np.abs(a - b).max() for i, a in enumerate(ends) for b in ends[:i]]
    assert min(gaps) > 0.02


@pytest.mark.parametrize("length", [0.0, -1.0, 3.0, math.nan])
def test_an_impossible_length_is_refused(length: float) -> None:
    with pytest.raises(ValueError, match=r"outside 0\.1\.\.2\.4 m"):
        CartPoleLengthEnv(length=length)
