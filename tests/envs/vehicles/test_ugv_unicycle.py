"""The unicycle: its kinematics, its faults, its missions."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from crl_envs.missions import MissionError
from crl_envs.missions.gains import PUBLISHED_GAINS
from crl_envs.vehicles.ugv_unicycle import (
    NOISE,
    UnicycleEnv,
    clip_command,
    step_unicycle,
    wrap,
)


def slow_step(pose: Any, command: Any, gain: Any) -> list[float]:
    """The published step without its noise, for one robot."""
    x, y, heading = pose
    v, w = command[0] * gain[0], command[1] * gain[1]
    turned = heading + w * 0.2
    return [
        x + v * math.cos(heading) * 0.2,
        y + v * math.sin(heading) * 0.2,
        math.atan2(math.sin(turned), math.cos(turned)),
    ]


def steer(observation: np.ndarray, gain: Any = (1.0, 1.0)) -> np.ndarray:
    """Turn to the goal and drive there; the command is divided by the gains."""
    ahead = math.atan2(observation[4], observation[3])
    error = math.remainder(ahead - float(observation[2]), 2 * math.pi)
    w = np.clip(error / 0.2, -math.pi / 2, math.pi / 2)
    return np.array([max(math.cos(error), 0.0) / gain[0], w / gain[1]])


def fly(env: UnicycleEnv, seed: int = 0) -> tuple[int, dict[str, Any]]:
    """Drive the mission with the true gains known; steps and the last info."""
    observation, info = env.reset(seed=seed)
    terminated = truncated = False
    steps = 0
    while not (terminated or truncated):
        gain = env.fault.gain if info["fault_active"] else (1.0, 1.0)
        observation, _, terminated, truncated, info = env.step(steer(observation, gain))
        steps += 1
    return steps, info


def test_many_steps_at_once_are_the_published_step() -> None:
    rng = np.random.default_rng(0)
    poses = rng.uniform(-math.pi, math.pi, size=(500, 3))
    commands, gains = rng.uniform(-20, 20, size=(2, 500, 2))
    expected = [slow_step(*each) for each in zip(poses, commands, gains, strict=True)]
    np.testing.assert_allclose(step_unicycle(poses, commands, gains), expected, atol=1e-9)


def test_shapes_broadcast() -> None:
    poses, commands = np.zeros((7, 1, 3)), np.ones((5, 2))
    assert step_unicycle(poses, commands).shape == (7, 5, 3)
    assert step_unicycle(np.zeros(3), np.ones((4, 2))).shape == (4, 3)
    assert step_unicycle(np.zeros(3), np.ones(2), np.ones((6, 2))).shape == (6, 3)


def test_the_noise_has_its_deviation() -> None:
    rng = np.random.default_rng(1)
    moved = step_unicycle(np.zeros((20_000, 3)), np.zeros(2), rng=rng)
    np.testing.assert_allclose(moved.std(axis=0), NOISE, rtol=0.03)
    assert np.abs(moved.mean(axis=0)).max() < 5 * NOISE / math.sqrt(20_000)


def test_the_arguments_stay_as_they_were() -> None:
    pose = np.array([1.0, 2.0, 3.0])
    step_unicycle(pose, np.array([1.0, 1.5]))
    assert pose.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(("angle", "wrapped"), [(0, 0), (math.pi, -math.pi), (-math.pi, -math.pi), (7, 7 - math.tau)])
def test_angles_wrap(angle: float, wrapped: float) -> None:
    assert wrap(angle) == pytest.approx(wrapped)


@pytest.mark.parametrize("fault", [None, {"gain": [-1, 2]}])
def test_passes_gymnasiums_own_checks(fault: Any) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(UnicycleEnv(fault=fault), skip_render_check=True)


def test_the_registered_environment_has_two_bodies() -> None:
    env = gymnasium.make("crl_envs:crl/UGVMission-v0", body="kinematic", fault={"gain": [1, -1]})
    assert isinstance(env.unwrapped, UnicycleEnv)
    with pytest.raises(MissionError, match="no body 'boat'"):
        gymnasium.make("crl_envs:crl/UGVMission-v0", body="boat")


def test_starts_at_the_first_waypoint_with_the_published_noise() -> None:
    env = UnicycleEnv()
    starts = np.stack([env.reset(seed=seed)[0][:3] for seed in range(500)])
    np.testing.assert_allclose(starts.std(axis=0), 0.02, rtol=0.12)
    assert np.abs(starts.mean(axis=0)).max() < 0.004


@pytest.mark.parametrize("name", ["courtyard", "orchard"])
def test_a_nominal_robot_completes_the_shipped_maps(name: str) -> None:
    env = UnicycleEnv(waypoints=name)
    steps, info = fly(env)
    assert info["is_success"]
    assert info["reached"] == len(env.progress.mission)
    assert env.success(env._observation)
    # 0.2 m a step, less the radius that each waypoint spares
    assert env.progress.mission.length / 0.2 * 0.8 < steps < env.progress.mission.length / 0.2 * 1.3


@pytest.mark.parametrize("gain", PUBLISHED_GAINS)
def test_dividing_by_the_gains_completes_every_published_mission(gain: tuple[float, float]) -> None:
    nominal, _ = fly(UnicycleEnv(waypoints="orchard", clipped=False))
    steps, info = fly(UnicycleEnv(waypoints="orchard", clipped=False, fault={"gain": gain}))
    assert info["is_success"]
    assert abs(steps - nominal) <= 0.05 * nominal


def test_clipping_takes_authority_away() -> None:
    env, free = (
        UnicycleEnv(clipped=clipped, fault={"gain": [0.1, 1]}, inject=0, remove=1) for clipped in (True, False)
    )
    for each, expected in ((env, 0.02), (free, 0.2)):
        start, _ = each.reset(seed=0)
        assert np.linalg.norm(each.step(np.array([10.0, 0.0]))[0][:2] - start[:2]) == pytest.approx(expected, abs=1e-3)
    np.testing.assert_array_equal(clip_command([[3, -9]]), [[1, -math.pi / 2]])


def test_the_fault_comes_and_goes_with_the_waypoints() -> None:
    env = UnicycleEnv(fault={"gain": [-1, 1]})
    env.reset(seed=0)
    total = len(env.progress.mission)
    for reached in range(total):
        env.progress.reached = reached
        before = env._state.copy()
        env.step(np.array([1.0, 0.0]))
        way = env._state[:2] - before[:2]
        forward = way @ [math.cos(before[2]), math.sin(before[2])]
        on = 0.15 * total < reached <= 0.8 * total
        assert forward == pytest.approx(-0.2 if on else 0.2, abs=1e-3)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ({"gain": [0, 1]}, r"gain\[0\] is zero, and no command can undo that: use a small gain"),
        ({"gain": [1, math.nan]}, r"gain\[1\] = nan is not a finite number"),
        ({"gain": [1, 11]}, r"gain\[1\] = 11 is outside -10\.\.10"),
        ({"gain": 2}, "gain = 2 is not a list of 2 numbers"),
        ({"gain": [1, 2, 3]}, "not a list of 2 numbers"),
        ({"gains": [1, 2]}, "unknown entry 'gains': did you mean 'gain'"),
    ],
)
def test_impossible_faults_are_refused(fault: Any, complaint: str) -> None:
    with pytest.raises(MissionError, match=complaint):
        UnicycleEnv(fault=fault)


@pytest.mark.parametrize("arguments", [{"radius": 0.0}, {"radius": math.nan}, {"episode_steps": 0}])
def test_impossible_numbers_are_refused(arguments: Any) -> None:
    with pytest.raises(MissionError):
        UnicycleEnv(**arguments)


@pytest.mark.parametrize("action", [[math.nan, 0.0], [0.0, math.inf], [0.0], [0.0, 0.0, 0.0]])
def test_bad_actions_are_refused(action: list[float]) -> None:
    env = UnicycleEnv()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action"):
        env.step(np.array(action, dtype=np.float32))


def test_a_map_in_a_frame_far_away_is_the_same_mission(tmp_path: Path) -> None:
    points = [(0, 0), (3, 1), (6, 0)]
    for name, (east, north) in (("near", (0, 0)), ("far", (456_000, 5_200_000))):
        text = "x,y\n" + "".join(f"{x + east},{y + north}\n" for x, y in points)
        (tmp_path / f"{name}.csv").write_text(text)
    near, far = (UnicycleEnv(waypoints=tmp_path / f"{name}.csv") for name in ("near", "far"))
    np.testing.assert_array_equal(near.reset(seed=3)[0], far.reset(seed=3)[0])
    _, _, _, _, info = far.step(np.zeros(2))
    assert info["position"] == pytest.approx([456_000, 5_200_000], abs=0.1)


def test_a_restored_episode_goes_on_to_the_bit() -> None:
    env, other = UnicycleEnv(fault={"gain": [-1, 2]}), UnicycleEnv(fault={"gain": [-1, 2]})
    env.reset(seed=1)
    actions = np.random.default_rng(0).uniform(-1, 1, size=(300, 2)).astype(np.float32)
    for action in actions[:150]:
        env.step(action)
    state = env.get_episode_state()
    expected = [env.step(action)[0].tobytes() for action in actions[150:]]
    other.reset(seed=9)
    other.set_episode_state(state)
    assert [other.step(action)[0].tobytes() for action in actions[150:]] == expected


def test_reward_and_success_are_the_same_with_torch() -> None:
    env = UnicycleEnv()
    rng = np.random.default_rng(0)
    states, nexts = rng.normal(size=(2, 6, 5, 10)).astype(np.float32)
    nexts[..., -1] = rng.integers(0, 2, size=(6, 5))
    action = np.zeros((6, 5, 2), dtype=np.float32)
    with_numpy = env.reward(states, action, nexts)
    with_torch = env.reward(*map(torch.from_numpy, (states, action, nexts)))
    np.testing.assert_allclose(with_torch.numpy(), with_numpy, atol=2e-5)
    assert env.success(torch.from_numpy(nexts)).tolist() == (nexts[..., -1] == 1).tolist()


def test_full_speed_along_the_leg_is_worth_one() -> None:
    env = UnicycleEnv(waypoints="orchard")
    env.reset(seed=0)
    env.step(np.zeros(2))  # reaches the first waypoint
    _, reward, *_ = env.step(np.array([1.0, 0.0]))
    assert reward == pytest.approx(1.0, abs=0.01)
