"""The doors are honest: latches hold, handles turn, things collide, and the contract is kept."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable

import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from crl_envs.doors.door import DoorOpenEnv
from crl_envs.doors.model import HANDLES
from crl_envs.doors.pose import DoorOpenPoseEnv

DOORS = tuple(HANDLES)
LATCHED = tuple(door for door in DOORS if HANDLES[door].direction)
KNOBS = ("round_minus", "round_plus")
HANDLE, DOOR = 12, 14


def started(door: str, seed: int = 0) -> DoorOpenEnv:
    env = DoorOpenEnv(door)
    env.reset(seed=seed)
    return env


def push(env: DoorOpenEnv, seconds: float, **torques: float) -> np.ndarray:
    """Let torques (N m) act on joints, the arm standing still; return the observation."""
    env._actuate(np.zeros(5))
    for name, torque in torques.items():
        env.data.qfrc_applied[env.model.joint(name).dofadr[0]] = torque
    mujoco.mj_step(env.model, env.data, nstep=round(seconds / env.model.opt.timestep))
    return env._observe()


def hold_at(x: float, y: float, z: float, gripper: float, roll: float = 0.0) -> Callable[[np.ndarray], np.ndarray]:
    """Controller that brings the hand to a point of the grasp frame."""
    return lambda o: np.array([8 * (x - o[0]), 8 * (y - o[1]), 8 * (z - o[2]), 3 * (roll - o[3]), gripper])


def drive(env: DoorOpenEnv, actions: Iterable[object]) -> tuple[np.ndarray, float, set[str]]:
    """Play actions or controllers; return observations, deepest penetration (m) and the geoms that touched the arm."""
    seen, deepest, touched = [env._observe()], 0.0, set()
    for action in actions:
        values = action(seen[-1]) if callable(action) else np.array(action, dtype=float)
        env._actuate(np.clip(values, -1.0, 1.0))
        for _ in range(env.substeps):
            mujoco.mj_step(env.model, env.data)
            for i in range(env.data.ncon):
                contact = env.data.contact[i]
                deepest = max(deepest, -float(contact.dist))
                touched |= {env.model.geom(int(geom)).name for geom in contact.geom}
        seen.append(env._observe())
    return np.array(seen), deepest, touched


def test_a_raised_door_is_higher_and_begins_alike() -> None:
    usual, raised = DoorOpenEnv("lever_minus"), DoorOpenEnv("lever_minus", raised=0.03)
    first, second = usual.reset(seed=3)[0], raised.reset(seed=3)[0]
    assert first == pytest.approx(second, abs=1e-5)  # seen from the grasp
    for body in ("door", "handle"):
        usual_height, height = (float(env.data.body(body).xpos[2]) for env in (usual, raised))
        assert height - usual_height == pytest.approx(0.03)
    plate = [float(env.data.geom("strike_plate").xpos[2]) for env in (usual, raised)]
    assert plate[1] - plate[0] == pytest.approx(0.03)  # the latch still meets it
    assert not np.allclose(usual.data.qpos[:7], raised.data.qpos[:7], atol=1e-3)  # another pose of the arm


@pytest.mark.parametrize("raised", [0.2, -0.11, float("nan")])
def test_a_door_out_of_reach_is_refused(raised: float) -> None:
    with pytest.raises(ValueError, match=r"use -0\.1 to 0\.1 m"):
        DoorOpenEnv("pull", raised=raised)


# ---------------------------------------------------------------------- the mechanism
@pytest.mark.parametrize("door", LATCHED)
def test_latch_holds_the_closed_door(door: str) -> None:
    env = started(door)
    assert abs(push(env, 1.0, door=25.0)[DOOR]) < 0.005
    assert abs(push(env, 1.0, door=25.0)[HANDLE]) < 0.01


@pytest.mark.parametrize("door", LATCHED)
def test_turned_handle_frees_the_door(door: str) -> None:
    env, direction = started(door), HANDLES[door].direction
    observation = push(env, 0.5, handle=2.0 * direction)
    assert direction * observation[HANDLE] > 0.6
    assert push(env, 0.8, handle=2.0 * direction, door=5.0)[DOOR] > 0.3


@pytest.mark.parametrize("door", LATCHED)
def test_latch_angle(door: str) -> None:
    """Held at 0.55 rad the handle does not free the door; at 0.65 rad it does."""
    opened = []
    for angle in (0.55, 0.65):
        env = started(door)
        address = env.model.joint("handle").qposadr[0], env.model.joint("handle").dofadr[0]
        env.data.qfrc_applied[env.model.joint("door").dofadr[0]] = 5.0
        for _ in range(200):
            env.data.qpos[address[0]] = angle * HANDLES[door].direction
            env.data.qvel[address[1]] = 0.0
            mujoco.mj_step(env.model, env.data)
        opened.append(env._observe()[DOOR])
    assert opened[0] < 0.005 and opened[1] > 0.05


@pytest.mark.parametrize("door", LATCHED)
def test_handle_turns_one_way_and_springs_back(door: str) -> None:
    env, direction = started(door), HANDLES[door].direction
    assert abs(push(env, 0.5, handle=-2.0 * direction)[HANDLE]) < 0.02
    assert direction * push(env, 0.5, handle=2.0 * direction)[HANDLE] > 0.8
    assert abs(push(env, 1.0, handle=0.0)[HANDLE]) < 0.02


def test_bar_needs_no_turning() -> None:
    observation = push(started("pull"), 1.0, door=5.0)
    assert observation[DOOR] > 0.3 and observation[HANDLE] == 0.0


@pytest.mark.parametrize("door", DOORS)
def test_fingers_stop_at_panel_and_handle(door: str) -> None:
    env = started(door)
    seen, deepest, touched = drive(env, [hold_at(-0.1, 0.0, 0.22, 1)] * 12 + [[1, 0, 0, 0, 1]] * 8)
    assert "door" in touched and deepest < 0.002 and seen[-1, 0] < 0.06
    env = started(door)
    seen, deepest, touched = drive(env, [hold_at(-0.12, 0, 0, 1)] * 6 + [[1, 0, 0, 0, 1]] * 8)
    assert "handle" in touched and deepest < 0.002 and seen[-1, 0] < 0.0
    assert seen[:, DOOR].max() < 0.01


def test_arm_meets_its_pedestal_and_the_wall() -> None:
    env = started("pull")
    _, deepest, touched = drive(env, [[-1, 0, -1, 0, 0]] * 25)
    assert "pedestal" in touched and deepest < 0.003
    env = started("pull")
    _, deepest, touched = drive(env, [[0, -1, 0, 0, 1]] * 10 + [[1, 0, 0, 0, 1]] * 12)
    assert "wall_right" in touched and deepest < 0.003


@pytest.mark.parametrize("door", KNOBS)
def test_pressing_the_knob_does_not_turn_it(door: str) -> None:
    for roll_rate in (-1, 1):
        env = started(door)
        press = [hold_at(-0.12, 0, 0, 1)] * 6 + [[1, 0, 0, 0, 1]] * 6 + [[1, 0, 0, roll_rate, 1]] * 12
        seen, _, touched = drive(env, press)
        assert "handle" in touched and np.abs(seen[:, HANDLE]).max() < 0.1


@pytest.mark.parametrize("door", DOORS)
def test_gripped_door_stays_closed_until_its_handle_turns(door: str) -> None:
    env, direction = started(door), HANDLES[door].direction
    # Closing at full speed, the rubber pads give up to 4.5 mm for some milliseconds, then less than 2 mm.
    seen, impact, _ = drive(env, [hold_at(0, 0, 0, -1)] * 14 + [[0, 0, 0, 0, 1]] * 3)
    assert np.abs(seen[-1, 4:6].sum() - HANDLES[door].thickness) < 0.002 and impact < 0.006
    seen, deepest, _ = drive(env, [[-1, 0, 0, 0, 1]] * 5)
    assert deepest < 0.002 and (seen[-1, DOOR] > 0.2) == (direction == 0)
    if direction:
        lever = 0.5 * direction if HANDLES[door].shape == "lever" else 0.0
        drive(env, [[0, 0, lever, direction, 1]] * 6)
        seen, _, _ = drive(env, [[-1, 0, 0.4 * lever, 0.3 * direction, 1]] * 8)
        assert seen[-1, DOOR] > 0.3


# ---------------------------------------------------------------------- the commands
@pytest.mark.parametrize("axis", range(4))
def test_hand_follows_its_velocity_command(axis: int) -> None:
    env = started("round_minus")
    action = np.zeros(5)
    action[axis], action[4] = -0.8, -1.0
    before = env._observe()
    for _ in range(4):
        after = env.step(action)[0]
    wanted = -0.8 * (1.5 if axis == 3 else 0.3)
    speed = after[[6, 7, 8, 9]]
    assert speed[axis] == pytest.approx(wanted, rel=0.1)
    assert np.abs(np.delete(speed[:3], axis) if axis < 3 else speed[:3]).max() < 0.03
    assert (after - before)[axis] == pytest.approx(0.4 * wanted, rel=0.2)


@pytest.mark.parametrize(("command", "opening"), [(-1.0, 0.045), (0.0, 0.045), (0.5, 0.0225), (1.0, 0.0)])
def test_gripper_goes_where_the_table_says(command: float, opening: float) -> None:
    env = started("pull")
    for _ in range(5):
        observation = env.step(np.array([0, 0, 0, 0, command]))[0]
    assert observation[4:6] == pytest.approx(opening, abs=0.001)


# ---------------------------------------------------------------------- the contract
@pytest.mark.parametrize("door", DOORS)
def test_gymnasium_accepts(door: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_env(DoorOpenEnv(door), skip_render_check=True)


def test_unknown_door_is_explained() -> None:
    with pytest.raises(ValueError, match="use one of pull"):
        DoorOpenEnv("revolving")  # type: ignore[arg-type]


@pytest.mark.parametrize("door", DOORS)
def test_reset_is_decided_by_the_seed(door: str) -> None:
    a, b = DoorOpenEnv(door), DoorOpenEnv(door)
    first, _ = a.reset(seed=3)
    assert np.array_equal(first, b.reset(seed=3)[0])
    assert not np.array_equal(first, a.reset()[0])
    assert np.abs(first[[1, 2]]).max() <= 0.0151 and -0.181 <= first[0] <= -0.139 and abs(first[3]) <= 0.151


@pytest.mark.parametrize("door", DOORS)
def test_restored_state_continues_to_the_bit(door: str) -> None:
    env, other = started(door, seed=1), started(door, seed=2)
    actions = np.random.default_rng(0).uniform(-1, 1, (24, 5))
    actions[:6, 0] = 1.0
    for action in actions[:12]:
        env.step(action)
    state = copy.deepcopy(env.get_episode_state())
    expected = [env.step(action)[:2] for action in actions[12:]]
    other.set_episode_state(state)
    for action, (observation, reward) in zip(actions[12:], expected, strict=True):
        again, reward_again, *_ = other.step(action)
        assert np.array_equal(observation, again) and reward == reward_again


@pytest.mark.parametrize("door", DOORS)
def test_observations_stay_within_described_bounds(door: str) -> None:
    env = DoorOpenEnv(door)
    fields = env.task["observation"]
    low = np.array([field["low"] for field in fields], dtype=float)
    high = np.array([field["high"] for field in fields], dtype=float)
    rng = np.random.default_rng(0)
    for episode in range(12):
        env.reset(seed=episode)
        action = np.array([1.0, 0, 0, 0, -1])
        for step in range(50):
            observation, _, _, _, info = env.step(action)
            assert "fault" not in info
            assert np.all((observation >= low) & (observation <= high)), (step, observation)
            if step > 4:
                action = np.clip(0.7 * action + 0.7 * rng.standard_normal(5), -1, 1)


def oracle(env: DoorOpenEnv, action: np.ndarray, observation: np.ndarray) -> float:
    """The reward, written as the docstring has it."""
    d2 = float(np.sum(observation[:3] ** 2))
    s = float(observation[4] + observation[5])
    gate = np.exp(-d2 / (2 * 0.012**2))
    c = np.clip((0.09 - s) / (0.09 - env.handle.thickness), 0, 1)
    turned = np.clip(observation[12] * env.handle.direction, 0, 0.8)
    return (
        -np.sqrt(d2) - np.log(d2 + 5e-4) + 100 * max(observation[14], 0) + (10 * turned + 3) * gate * c
        - 4 * np.clip(1 - s / 0.08, 0, 1) * (1 - gate) - 0.02 * np.sum(action**2)
    )  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_reward_and_success_with_numpy_and_torch(door: str) -> None:
    torch = pytest.importorskip("torch")
    env = DoorOpenEnv(door)
    rng = np.random.default_rng(0)
    size = np.array([0.02] * 3 + [1.0] + [0.02] * 2 + [0.3] * 6 + [0.8, 5.0, 0.4, 1.0])
    following = (rng.standard_normal((4, 3, 16)) * size).astype(np.float32)
    following[..., 4:6] = rng.uniform(0, 0.045, (4, 3, 2))
    action = rng.uniform(-1, 1, (4, 3, 5)).astype(np.float32)
    rewards = env.reward(following, action, following)
    assert rewards.shape == (4, 3)
    tensor = env.reward(torch.tensor(following), torch.tensor(action), torch.tensor(following))
    np.testing.assert_allclose(tensor.numpy(), rewards, rtol=1e-4, atol=1e-4)
    for i in np.ndindex(4, 3):
        assert float(env.reward(following[i], action[i], following[i])) == pytest.approx(rewards[i], abs=1e-4)
        assert rewards[i] == pytest.approx(oracle(env, action[i], following[i]), abs=1e-3)
    assert np.array_equal(env.success(following), following[..., 14] >= 0.3)
    assert np.array_equal(env.success(torch.tensor(following)).numpy(), following[..., 14] >= 0.3)


@pytest.mark.parametrize("door", DOORS)
def test_closed_on_the_handle_is_fully_closed(door: str) -> None:
    """Gripping at the right place pays 3, for thick and thin handles alike."""
    env = DoorOpenEnv(door)
    held, action = np.zeros(16), np.zeros(5)
    held[4:6] = env.handle.thickness / 2
    assert float(env.reward(held, action, held)) == pytest.approx(3.0 - np.log(5e-4), abs=1e-6)


# ---------------------------------------------------------------------- the pose variant
@pytest.mark.parametrize("door", DOORS)
def test_pose_variant_keeps_the_contract(door: str) -> None:
    env = DoorOpenPoseEnv(door)
    assert env.observation_space.shape == (26,) and env.action_space.shape == (7,)
    assert len(env.task["safe_action"]) == 7 and len(env.task["exploration"]["std"]) == 7
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_env(env, skip_render_check=True)


def test_pose_variant_sees_the_same_scene() -> None:
    plain, pose = DoorOpenEnv("lever_plus"), DoorOpenPoseEnv("lever_plus")
    small, _ = plain.reset(seed=5)
    large, _ = pose.reset(seed=5)
    assert large[:3] == pytest.approx(small[:3], abs=1e-6)
    assert 2 * np.arctan2(large[4], large[3]) == pytest.approx(small[3], abs=1e-5)
    for _ in range(6):
        small, reward, *_ = plain.step(np.array([1.0, 0, 0, 0.2, 0]))
        large, reward_pose, *_ = pose.step(np.array([1.0, 0, 0, 0.2, 0, 0, 0]))
    assert large[:3] == pytest.approx(small[:3], abs=0.01)
    assert reward == pytest.approx(reward_pose, abs=0.3)


def test_pose_variant_turns_about_every_axis() -> None:
    for axis in (3, 4, 5):
        env = DoorOpenPoseEnv("round_minus")
        before, _ = env.reset(seed=0)
        action = np.zeros(7)
        action[axis] = 0.4
        for _ in range(4):
            after = env.step(action)[0]
        assert 2 * (after - before)[axis + 1] == pytest.approx(0.4 * 0.4 * 1.5, rel=0.25)
