"""The husky: that it drives as told, that its faults do what they say, and that an episode can be played again."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from crl_envs.missions import MissionError
from crl_envs.vehicles.husky_faults import HuskyFault

pybullet = pytest.importorskip("pybullet")

from crl_envs.vehicles.husky import HuskyEnv  # noqa: E402  needs the line above

LASTING = {"inject": 0.0, "remove": 1.0, "fence": 100.0}
FORWARD, SIDEWAYS, TURNING = 3, 4, 5


def drive(action: Any, fault: dict[str, Any] | None = None, steps: int = 30) -> np.ndarray:
    """Observations [steps, 15] of the last two thirds of a drive under one command."""
    env = HuskyEnv(fault=fault, **LASTING)
    env.reset(seed=0)
    seen = np.array([env.step(np.asarray(action, np.float32))[0] for _ in range(steps)])
    env.close()
    return seen[steps // 3 :]


def steer(observation: np.ndarray) -> np.ndarray:
    """Turn to the goal and drive there."""
    error = math.remainder(math.atan2(observation[9], observation[8]) - float(observation[2]), 2 * math.pi)
    return np.array([max(math.cos(error), 0.0) ** 2, np.clip(2 * error, -1.5, 1.5)], dtype=np.float32)


def test_passes_gymnasiums_own_checks() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(HuskyEnv(), skip_render_check=True)


def test_stands_still_unless_told_to_move() -> None:
    seen = drive([0, 0])
    assert np.abs(seen[-1, :3] - seen[0, :3]).max() < 2e-3
    assert np.abs(seen[:, FORWARD : TURNING + 1]).max() < 0.01


@pytest.mark.parametrize("speed", [-1.0, 0.5, 1.0])
def test_speed_follows_its_command(speed: float) -> None:
    seen = drive([speed, 0])
    assert seen[:, FORWARD].mean() == pytest.approx(speed, rel=0.03)
    way = np.linalg.norm(np.diff(seen[:, :2], axis=0), axis=1).sum()
    assert way == pytest.approx(abs(speed) * 0.1 * (len(seen) - 1), rel=0.03)
    assert abs(seen[:, TURNING].mean()) < 0.03


@pytest.mark.parametrize("command", [[0, 1], [0, -0.5], [0.5, 0.8], [1, -0.6]])
def test_turn_rate_follows_its_command(command: list[float]) -> None:
    seen = drive(command, steps=40)
    assert seen[:, TURNING].mean() == pytest.approx(command[1], rel=0.15)
    turned = np.unwrap(seen[:, 2])
    assert (turned[-1] - turned[0]) / 0.1 / (len(seen) - 1) == pytest.approx(seen[:, TURNING].mean(), rel=0.05)


@pytest.mark.parametrize(
    ("fault", "command", "forward", "turning"),
    [
        ({"gain": [-0.5, 1]}, [1, 0], -0.5, 0.0),
        ({"gain": [1, -1]}, [0, 1], 0.0, -1.0),
        ({"sides": [0.4, 0.4]}, [1, 0], 0.4, 0.0),
        ({"sides": [0.4, 0.4]}, [0, 1], 0.0, 0.4),
        ({"sides": [-1, 1]}, [0.5, 0], 0.0, 1.46),  # a turn on the spot: v / (track x skid / 2)
        ({"sides": [1, 0.6]}, [1, 0], 0.8, -0.58),
    ],
)
def test_gains_and_sides(fault: Any, command: Any, forward: float, turning: float) -> None:
    seen = drive(command, fault, steps=45)
    assert seen[:, FORWARD].mean() == pytest.approx(forward, abs=0.06)
    assert seen[:, TURNING].mean() == pytest.approx(turning, abs=0.15 * max(1, abs(turning)))


def test_a_dead_side_turns_the_robot_towards_it() -> None:
    left, right = (drive([1, 0], {"dead_side": side})[:, TURNING].mean() for side in ("left", "right"))
    assert left == pytest.approx(1.46, rel=0.1)  # v / (track x skid)
    assert right == pytest.approx(-1.46, rel=0.1)


def test_less_friction_makes_braking_longer() -> None:
    ways = []
    for friction in (1.0, 0.1):
        env = HuskyEnv(fault={"friction": friction}, **LASTING)
        env.reset(seed=0)
        for _ in range(15):
            env.step(np.array([1, 0], np.float32))
        start = env._pose()[0]
        for _ in range(15):
            env.step(np.array([0, 0], np.float32))
        ways.append(env._pose()[0] - start)
        env.close()
    assert ways[1] > ways[0] + 0.1


@pytest.mark.parametrize("fault", [{"payload": 30}, {"rear_load": 30}])
def test_a_load_weighs(fault: Any) -> None:
    env, empty = HuskyEnv(fault=fault, inject=0.15, remove=0.8), HuskyEnv()
    masses = []
    for each in (env, empty):
        each.reset(seed=0)
        each.progress.reached = 10
        each._apply()
        each.step(np.zeros(2, np.float32))
        links = range(-1, pybullet.getNumJoints(each.body.robot, physicsClientId=each.body.client))
        masses.append(
            sum(pybullet.getDynamicsInfo(each.body.robot, i, physicsClientId=each.body.client)[0] for i in links)
        )
    assert masses[0] - masses[1] == pytest.approx(30)
    assert masses[1] == pytest.approx(45.05, abs=0.01)
    # each floor contact holds its share of the weight
    for each, mass in zip((env, empty), masses, strict=True):
        for _ in range(20):
            each.step(np.zeros(2, np.float32))
        contacts = pybullet.getContactPoints(each.body.robot, each.body.floor, physicsClientId=each.body.client)
        assert sum(contact[9] for contact in contacts) == pytest.approx(mass * 9.81, rel=0.03)
        each.close()


def test_latency_delays_the_start() -> None:
    def start(fault: Any) -> int:
        env = HuskyEnv(fault=fault, **LASTING)
        env.reset(seed=0)
        seen = np.array([env.step(np.array([1, 0], np.float32))[0] for _ in range(8)])
        env.close()
        return int(np.argmax(seen[:, FORWARD] > 0.5))

    assert start({"latency": 0.3}) == start(None) + 3


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ({"gain": [0, 1]}, r"gain\[0\] is zero"),
        ({"sides": [1, 0]}, r"sides\[1\] is zero.*dead_side='left' or 'right'"),
        ({"dead_side": "front"}, "dead_side = 'front': use 'left' or 'right'"),
        ({"friction": 0}, "friction = 0 is outside"),
        ({"payload": math.nan}, "payload = nan is not a finite number"),
        ({"load": 3}, "unknown entry 'load'"),
    ],
)
def test_impossible_faults_are_refused(fault: Any, complaint: str) -> None:
    with pytest.raises(MissionError, match=complaint):
        HuskyEnv(fault=fault)


@pytest.mark.parametrize("arguments", [{"fence": 0}, {"radius": 0}, {"episode_steps": 0}])
def test_impossible_arguments_are_refused(arguments: Any) -> None:
    with pytest.raises(MissionError):
        HuskyEnv(**arguments)


def test_leaving_the_fence_ends_the_episode() -> None:
    env = HuskyEnv(fence=0.5)
    env.reset(seed=0)
    info: dict[str, Any] = {}
    for _ in range(60):
        observation, _, terminated, truncated, info = env.step(np.array([-1, 0], np.float32))
        assert bool(env.terminated(observation)) == terminated, "a plan sees the end where the environment has it"
        if terminated:
            break
    assert info["crash"] == "left the fence"
    assert not env.success(observation)
    assert not truncated
    env.close()


def test_a_simple_driver_completes_a_mission() -> None:
    env = HuskyEnv(waypoints="orchard")
    observation, info = env.reset(seed=0)
    ended, steps = False, 0
    while not ended:
        observation, _, terminated, truncated, info = env.step(steer(observation))
        ended, steps = terminated or truncated, steps + 1
    assert info["is_success"]
    assert env.success(observation)
    assert env.terminated(observation)
    assert steps < env.progress.mission.length / 0.1 * 1.6
    env.close()


def test_an_episode_can_be_played_again_to_the_bit() -> None:
    fault = {"sides": [0.6, 1], "payload": 20, "latency": 0.05}
    env, other = HuskyEnv(fault=fault), HuskyEnv(fault=fault)
    env.reset(seed=4)
    actions = np.random.default_rng(0).uniform(-1, 1, size=(60, 2)).astype(np.float32)
    for step, action in enumerate(actions[:30]):
        env.step(action if step > 3 else np.array([1, 0], np.float32))
    state = env.get_episode_state()
    expected = [env.step(action)[0].tobytes() for action in actions[30:]]
    other.reset(seed=9)
    for target in (other, env):
        target.set_episode_state(state)
        assert [target.step(action)[0].tobytes() for action in actions[30:]] == expected
        target.close()


def test_a_picture_shows_the_robot() -> None:
    env = HuskyEnv(render_mode="rgb_array", width=96, height=64)
    env.reset(seed=0)
    picture = env.render()
    assert picture is not None
    assert picture.shape == (64, 96, 3)
    assert picture.std() > 10
    env.close()
    assert HuskyEnv().render() is None


def test_nothing_is_written_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    env = HuskyEnv()
    env.reset(seed=0)
    env.close()
    assert "inertial" not in "".join(capfd.readouterr())


def test_dead_zone_and_power_change_commands_as_shares_of_their_half_ranges() -> None:
    fault = HuskyFault.parse({"gain": [-1, 2], "dead_zone": 0.2, "power": 2})
    half = (1.0, 1.5)
    assert fault.turn([0.7, 0.15], half) == pytest.approx([-0.25, 0.0])
    assert fault.turn([-1.0, 1.5], half) == pytest.approx([0.64, 2 * 1.5 * 0.64])
    assert HuskyFault().turn([0.3, -0.4], half) == pytest.approx([0.3, -0.4])
