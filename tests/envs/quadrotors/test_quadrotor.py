"""The quadrotor: that its physics is physics, its loops hold, its faults do what they say, and its states are exact."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from crl_envs.missions import MissionError
from crl_envs.quadrotors import model as body
from crl_envs.quadrotors.faults import QuadrotorFault
from crl_envs.quadrotors.quadrotor import QuadrotorEnv

STAY = np.zeros(4, dtype=np.float32)
HOVER = np.array([1, 0, 0, 0], dtype=np.float32)
LASTING = {"inject": 0.0, "remove": 1.0}
WEIGHT = body.MASS * body.GRAVITY


def rates(fault: dict[str, Any] | None = None, **kwargs: Any) -> QuadrotorEnv:
    return QuadrotorEnv(**{"interface": "rates", "fault": fault, "fence": 50.0, **LASTING, **kwargs})


def velocity(fault: dict[str, Any] | None = None, **kwargs: Any) -> QuadrotorEnv:
    return QuadrotorEnv(**{"interface": "velocity", "fault": fault, "fence": 50.0, **LASTING, **kwargs})


def play(env: QuadrotorEnv, action: Any, steps: int, seed: int = 0) -> np.ndarray:
    """Observations [steps + 1, S] under a constant action."""
    observations = [env.reset(seed=seed)[0]]
    observations += [env.step(np.asarray(action, dtype=np.float32))[0] for _ in range(steps)]
    return np.array(observations, dtype=np.float64)


def navigate(observation: np.ndarray) -> np.ndarray:
    """Velocity towards the waypoint, slower near it, in axes of the heading."""
    goal, yaw = observation[14:17].astype(np.float64), float(observation[3])
    distance = float(np.linalg.norm(goal))
    vx, vy, vz = goal / max(distance, 1e-9) * min(1.5, 2 * distance + 0.4)
    return np.array([math.cos(yaw) * vx + math.sin(yaw) * vy, math.cos(yaw) * vy - math.sin(yaw) * vx, vz, 0])


def mission(env: QuadrotorEnv, correct: Any = lambda action: action) -> dict[str, Any]:
    """Fly a mission by velocities; ``correct`` sees the command while the fault is on. The last info."""
    observation, info = env.reset(seed=0)
    ended = False
    info["fault_active"] = env.progress.active
    while not ended:
        action = navigate(observation)
        action = correct(action) if info["fault_active"] else action
        observation, _, terminated, truncated, info = env.step(action.astype(np.float32))
        ended = terminated or truncated
    return info


# ---------------------------------------------------------------------- contract
@pytest.mark.parametrize("interface", ["velocity", "rates"])
def test_passes_gymnasiums_own_checks(interface: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(QuadrotorEnv(interface=interface), skip_render_check=True)


@pytest.mark.parametrize("interface", ["velocity", "rates"])
def test_the_same_seed_flies_the_same_way(interface: str) -> None:
    env = QuadrotorEnv(interface=interface, fault={"gusts": 4.0}, **LASTING)
    first, again, other = (play(env, env.task["safe_action"], 40, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_the_observation_says_what_the_task_says() -> None:
    env = rates()
    env.reset(seed=0)
    rng = np.random.default_rng(4)
    quaternion = rng.normal(size=4)
    quaternion /= np.linalg.norm(quaternion)
    env.data.qpos[3:7], env.data.qvel[:] = quaternion, rng.normal(size=6)
    turned = np.zeros(9)
    mujoco.mju_quat2Mat(turned, quaternion)
    turned = turned.reshape(3, 3)
    by_rates = env._observe()
    np.testing.assert_allclose(by_rates[4:7], turned.T @ env.data.qvel[:3], atol=1e-6)
    np.testing.assert_allclose(by_rates[7:10], turned.T @ [0, 0, -1], atol=1e-6)
    np.testing.assert_allclose(by_rates[10:13], env.data.qvel[3:], atol=1e-6)
    yaw = math.atan2(turned[1, 0], turned[0, 0])
    assert by_rates[3] == pytest.approx(yaw, abs=1e-6)
    other = velocity()
    other.reset(seed=0)
    other.data.qpos[:], other.data.qvel[:] = env.data.qpos, env.data.qvel
    seen = other._observe()
    level = np.array([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
    np.testing.assert_allclose(seen[4:7], level.T @ env.data.qvel[:3], atol=1e-6)
    roll, pitch = float(seen[7]), float(seen[8])  # turned = Rz(yaw) Ry(pitch) Rx(roll)
    rx = np.array([[1, 0, 0], [0, math.cos(roll), -math.sin(roll)], [0, math.sin(roll), math.cos(roll)]])
    ry = np.array([[math.cos(pitch), 0, math.sin(pitch)], [0, 1, 0], [-math.sin(pitch), 0, math.cos(pitch)]])
    np.testing.assert_allclose(level @ ry @ rx, turned, atol=1e-5)


@pytest.mark.parametrize("interface", ["velocity", "rates"])
def test_reward_and_success_are_the_same_with_torch(interface: str) -> None:
    env = QuadrotorEnv(interface=interface)
    rng = np.random.default_rng(0)
    states, nexts = rng.normal(size=(2, 6, 5, env.observation_space.shape[0])).astype(np.float32)
    nexts[..., -1] = rng.integers(0, 2, size=(6, 5))
    action = np.zeros((6, 5, 4), dtype=np.float32)
    with_numpy = env.reward(states, action, nexts)
    with_torch = env.reward(*map(torch.from_numpy, (states, action, nexts)))
    np.testing.assert_allclose(with_torch.numpy(), with_numpy, rtol=1e-5, atol=1e-4)
    assert env.success(torch.from_numpy(nexts)).tolist() == (nexts[..., -1] == 1).tolist()


# ---------------------------------------------------------------------- physics
def test_without_thrust_and_air_it_falls_and_keeps_its_energy() -> None:
    env = rates()
    env.model.opt.enableflags |= int(mujoco.mjtEnableBit.mjENBL_ENERGY)
    env.reset(seed=0)
    env.data.act[:] = 0
    env.data.qvel[:] = [1, 2, 3, 4, -5, 6]
    mujoco.mj_forward(env.model, env.data)
    start, energy = env.data.qpos[:3].copy(), env.data.energy.sum()
    mujoco.mj_step(env.model, env.data, nstep=250)
    fallen = env.data.qpos[:3] - start
    np.testing.assert_allclose(fallen, [0.5, 1.0, 1.5 - 9.81 * 0.5**2 / 2], atol=6e-3)
    mujoco.mj_forward(env.model, env.data)
    assert env.data.energy.sum() == pytest.approx(energy, rel=3e-3)


@pytest.mark.parametrize("motor", range(4))
def test_a_motor_pushes_where_it_sits_with_its_lag(motor: int) -> None:
    env = rates()
    env.reset(seed=0)
    env.data.qpos[3:7] = [1, 0, 0, 0]
    env.data.act[:] = 0
    env.data.ctrl[:] = 0
    env.data.ctrl[motor] = 2.0
    mujoco.mj_step(env.model, env.data, nstep=15)  # one time constant
    assert env.data.act[motor] == pytest.approx(2.0 * (1 - math.exp(-1)), rel=1e-6)
    env.data.qpos[3:7], env.data.qvel[:] = [1, 0, 0, 0], 0
    mujoco.mj_forward(env.model, env.data)
    force = env.data.act[motor]
    x, y = body.PLACES[motor]
    expected = [y * force, -x * force, body.SPINS[motor] * body.YAW_ARM * force] / np.array(body.INERTIA)
    np.testing.assert_allclose(env.data.qacc[3:], expected, rtol=1e-9)
    assert env.data.qacc[2] == pytest.approx(force / body.MASS - body.GRAVITY)


@pytest.mark.parametrize(("fault", "carried"), [(None, 1.0), ({"payload": 0.4}, 1.4), ({"thrust": 0.7}, 1.0)])
def test_hovering_takes_the_thrust_that_the_weight_takes(fault: Any, carried: float) -> None:
    env = velocity(fault)
    seen = play(env, STAY, 600)
    assert np.abs(seen[-50:, 4:7]).max() < 0.01
    thrust = float((env.data.act * env.model.actuator_gainprm[:, 0]).sum())
    assert thrust == pytest.approx(carried * WEIGHT, rel=2e-3)


def test_hovering_holds_the_place() -> None:
    seen = play(velocity(), STAY, 500)
    assert np.abs(seen[-1, :4] - seen[0, :4]).max() < 0.02
    seen = play(rates(), HOVER, 100)
    assert np.abs(seen[-1, :4] - seen[0, :4]).max() < 1e-3


@pytest.mark.parametrize("thrust", [0.5, 1.5])
def test_collective_thrust_accelerates_by_newtons_law(thrust: float) -> None:
    env = rates()
    seen = play(env, [thrust, 0, 0, 0], 10)
    # For 0.2 s, less the lag; drag is small at this speed.
    expected = (thrust - 1) * body.GRAVITY * (0.2 - body.MOTOR_LAG)
    assert seen[-1, 6] == pytest.approx(expected, rel=0.05)


def test_drag_stops_it_as_the_formula_says() -> None:
    env = rates()
    env.reset(seed=0)
    env.data.qpos[3:7] = [1, 0, 0, 0]
    env.data.qvel[0] = speed = 5.0
    for _ in range(50):
        for _ in range(10):
            drag = body.LINEAR_DRAG * speed + body.QUADRATIC_DRAG * speed**2
            speed -= body.TIME_STEP * drag / body.MASS
        env.step(HOVER)
    assert env.data.qvel[0] == pytest.approx(speed, rel=1e-3)


# ---------------------------------------------------------------------- loops
@pytest.mark.parametrize(("axis", "wanted"), [(0, 2.0), (0, -2.0), (1, 2.0), (1, -2.0), (2, 1.0), (2, -1.0)])
def test_rates_follow_their_command(axis: int, wanted: float) -> None:
    command = HOVER.copy()
    command[1 + axis] = wanted
    seen = play(rates(), command, 20)[:, 10:13] / wanted
    assert seen[10 if axis < 2 else 15, axis] > 0.9  # within 0.2 s, yaw 0.3 s
    assert seen[:, axis].max() < 1.2
    assert seen[-1, axis] == pytest.approx(1, abs=0.08)
    assert np.abs(np.delete(seen, axis, axis=1)).max() < 0.05


@pytest.mark.parametrize(
    "wanted", [[2, 0, 0, 0], [0, -2, 0, 0], [0, 0, 1, 0], [0, 0, -1, 0], [1, 1, 0.5, 1], [0, 0, 0, -1]]
)
def test_velocities_follow_their_command(wanted: list[float]) -> None:
    env = velocity(waypoints="spiral")
    env.reset(seed=0)
    env.data.qpos[2] = 20.0
    seen = np.array([env.step(np.array(wanted, np.float32))[0] for _ in range(250)])
    np.testing.assert_allclose(seen[-1, 4:7], wanted[:3], atol=0.15 if wanted[3] == 0 else 0.35)
    assert seen[-1, 9] * np.cos(seen[-1, 7]) == pytest.approx(wanted[3], abs=0.1)


def test_velocities_are_those_of_the_heading() -> None:
    env = velocity()
    env.reset(seed=0)
    start = env.data.qpos[:3].copy()
    env.data.qpos[3:7] = [math.cos(math.pi / 4), 0, 0, math.sin(math.pi / 4)]
    env._velocity_loop.yaw = math.pi / 2
    for _ in range(100):
        env.step(np.array([1, 0, 0, 0], np.float32))
    moved = env.data.qpos[:3] - start
    assert moved[1] > 0.8
    assert abs(moved[0]) < 0.05


def test_a_turn_of_the_whole_circle_ends_where_it_began() -> None:
    seen = play(velocity(), [0, 0, 0, 1.5], 210)
    assert np.abs(seen[:, 3]).max() <= np.float32(math.pi)
    turned = np.unwrap(seen[:, 3])[-1] - seen[0, 3]
    assert turned == pytest.approx(1.5 * 4.2, abs=0.2)
    assert np.abs(seen[:, 4:7]).max() < 0.05


# ---------------------------------------------------------------------- faults
def test_a_payload_sinks_under_the_thrust_of_hovering() -> None:
    env = rates({"payload": 0.6})
    seen = play(env, HOVER, 10)
    assert seen[-1, 6] == pytest.approx((1 / 1.6 - 1) * body.GRAVITY * 0.2, rel=0.02)
    assert env.model.body_mass[env._body] == pytest.approx(1.92)


def test_less_thrust_sinks_too() -> None:
    seen = play(rates({"thrust": 0.6}), HOVER, 10)
    # it hovered before: the motors' thrust falls at once
    assert seen[-1, 6] == pytest.approx(-0.4 * body.GRAVITY * 0.2, rel=0.03)


@pytest.mark.parametrize(("motor", "roll", "pitch"), [(0, -1, 1), (1, 1, 1), (2, -1, -1), (3, 1, -1)])
def test_a_weak_rotor_tips_the_body_to_its_corner(motor: int, roll: int, pitch: int) -> None:
    efficiency = [1.0, 1.0, 1.0, 1.0]
    efficiency[motor] = 0.6
    seen = play(rates({"rotors": efficiency}), HOVER, 3)[-1]
    assert seen[10] * roll > 0.02  # a roll to the left is negative about x
    assert seen[11] * pitch > 0.02  # the nose goes down: positive about y


@pytest.mark.parametrize(
    ("fault", "command", "arrives"),
    [
        ({"rate_gain": [-1, 1, 1]}, [1, 1, 0.5, 0.2], [1, -1, 0.5, 0.2]),
        ({"rate_gain": [-0.5, 2, -1]}, [1, 1, 0.5, 0.2], [1, -0.5, 1, -0.2]),
        ({"rate_bias": [0.5, 0, -0.3]}, [1, 1, 0.5, 0.2], [1, 1.5, 0.5, -0.1]),
        ({"axes": 90}, [1, 1, 0.5, 0.2], [1, -0.5, 1, 0.2]),
    ],
)
def test_a_fault_of_the_rates_is_the_same_as_another_command(fault: Any, command: Any, arrives: Any) -> None:
    seen, expected = play(rates(fault), command, 15), play(rates(), arrives, 15)
    np.testing.assert_allclose(seen[:, :13], expected[:, :13], atol=1e-5)
    np.testing.assert_allclose(seen[-1, 13:17], command, atol=1e-6)  # what was sent, not what arrived


@pytest.mark.parametrize(
    ("fault", "command", "arrives"),
    [
        ({"velocity_gain": [-0.5, 2, -1]}, [1, 0.5, 0.2, 0.3], [-0.5, 1, -0.2, 0.3]),
        ({"velocity_bias": [0.5, 0, -0.3]}, [1, 0.5, 0.2, 0], [1.5, 0.5, -0.1, 0]),
        ({"frame": 90}, [1, 0.5, 0.2, 0], [-0.5, 1, 0.2, 0]),
        ({"dead": ["vy"]}, [1, 0.5, 0.2, 0], [1, 0, 0.2, 0]),
    ],
)
def test_a_fault_of_the_velocities_is_the_same_as_another_command(fault: Any, command: Any, arrives: Any) -> None:
    seen, expected = play(velocity(fault), command, 25), play(velocity(), arrives, 25)
    np.testing.assert_allclose(seen[:, :10], expected[:, :10], atol=1e-5)


def test_latency_delays_the_response_and_nothing_else() -> None:
    late, prompt = play(rates({"latency": 0.06}), [1, 0, 2, 0], 30), play(rates(), [1, 0, 2, 0], 30)
    np.testing.assert_allclose(late[4:, 10:13], prompt[1:-3, 10:13], atol=1e-6)
    assert np.abs(late[:4, 11]).max() < 1e-3


def test_latency_that_ends_lets_the_newest_command_through() -> None:
    env = rates({"latency": 0.1}, inject=0.01, remove=0.5)
    env.reset(seed=0)
    env.progress.reached = 5
    env._apply()
    for _ in range(10):
        env.step(np.array([1, 1, 0, 0], np.float32))
    env.progress.reached = len(env.progress.mission) - 1
    env._apply()
    env.step(np.array([1, 0, 0, 1], np.float32))
    assert env._pending[0][1] == [1, 0, 0, 1]
    assert len(env._pending) == 1


def test_wind_drags_it_along() -> None:
    seen = play(rates({"wind": [6, 0, 0]}), HOVER, 25)
    drag = body.LINEAR_DRAG * 6 + body.QUADRATIC_DRAG * 36
    assert seen[-1, 4] == pytest.approx(drag / body.MASS * 0.5, rel=0.25)
    held = play(velocity({"wind": [4, 0, 0]}), STAY, 600)
    assert np.abs(held[-1, 4:7]).max() < 0.1
    assert held[-1, 8] > 0.05 or held[-1, 8] < -0.05  # leans into the wind


def test_gusts_have_their_size_and_their_time() -> None:
    env = velocity({"gusts": 4.0})
    env.reset(seed=0)
    values = []
    for _ in range(50_000):
        env._blow()
        values.append(env._gust[0])
    values = np.array(values)
    assert values.std() == pytest.approx(2.0, rel=0.1)
    assert np.corrcoef(values[:-50], values[50:])[0, 1] == pytest.approx(math.exp(-1), abs=0.1)


def test_a_fault_comes_and_goes_without_touching_the_flight() -> None:
    env = velocity({"payload": 0.5, "rotors": [1, 0.8, 1, 1]}, inject=0.15, remove=0.8)
    env.reset(seed=0)
    for _ in range(5):
        env.step(np.array([1, 0, 0, 1], np.float32))
    nominal = env.model.body_mass.copy(), env.model.body_inertia.copy(), env.model.actuator_gainprm.copy()
    before = env.get_episode_state()["physics"]
    env.progress.reached = 10
    env._apply()
    assert env.model.body_mass[env._body] == pytest.approx(1.5 * body.MASS)
    np.testing.assert_array_equal(env.get_episode_state()["physics"], before)
    env.progress.reached = 24
    env._apply()
    np.testing.assert_array_equal(env.get_episode_state()["physics"], before)
    changed = env.model.body_mass, env.model.body_inertia, env.model.actuator_gainprm
    for now, then in zip(changed, nominal, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("interface", "fault", "complaint"),
    [
        ("rates", {"velocity_gain": [1, 1, -1]}, "'velocity_gain' belongs to the interface 'velocity'"),
        ("velocity", {"axes": 90}, "'axes' belongs to the interface 'rates'"),
        ("rates", {"rate_gain": [0, 1, 1]}, r"rate_gain\[0\] is zero"),
        ("velocity", {"velocity_gain": [1, 0, 1]}, r"velocity_gain\[1\] is zero.*dead=\['vy'\]"),
        ("rates", {"payloads": 0.5}, "unknown entry 'payloads': did you mean 'payload'"),
        ("rates", {"payload": -0.5}, r"payload = -0\.5 is outside 0\.\.1"),
        ("rates", {"rotors": [1, 1, 0, 1]}, r"rotors\[2\] = 0 is outside 0\.1\.\.1"),
        ("rates", {"thrust": 0}, "thrust = 0 is outside"),
        ("velocity", {"wind": [1, math.nan, 0]}, r"wind\[1\] = nan is not a finite number"),
        ("velocity", {"wind": 4}, "not a list of 3 numbers"),
        ("velocity", {"dead": ["vw"]}, "is not a list of vx, vy, vz"),
        ("velocity", {"latency": -0.1}, "latency"),
    ],
)
def test_impossible_faults_are_refused(interface: str, fault: Any, complaint: str) -> None:
    with pytest.raises(MissionError, match=complaint):
        QuadrotorEnv(interface=interface, fault=fault)


# ---------------------------------------------------------------------- missions
@pytest.mark.parametrize("name", ["hall", "spiral"])
def test_a_simple_pilot_completes_the_shipped_maps(name: str) -> None:
    info = mission(QuadrotorEnv(waypoints=name))
    assert info["is_success"]
    assert info["reached"] == info["waypoints"]


def test_flipped_velocities_defeat_the_pilot_until_they_are_divided() -> None:
    fault = {"velocity_gain": [-1, -1, 1]}
    assert not mission(QuadrotorEnv(fault=fault))["is_success"]
    assert mission(QuadrotorEnv(fault=fault), lambda action: action * [-1, -1, 1, 1])["is_success"]


def test_the_ground_and_the_fence_end_the_flight() -> None:
    env = rates(fence=1.0)
    for action, reason in (([0.2, 0, 0, 0], "touched the ground"), ([2, 0, 0, 0], "left the fence")):
        env.reset(seed=0)
        for _ in range(200):
            observation, _, terminated, truncated, info = env.step(np.array(action, np.float32))
            assert bool(env.terminated(observation)) == terminated, "a plan sees the end where the environment has it"
            if terminated:
                break
        assert (info["crash"], truncated, info["is_success"]) == (reason, False, False)


def test_a_mission_under_ground_is_refused(tmp_path: Path) -> None:
    (tmp_path / "low.csv").write_text("x,y,z\n0,0,1\n1,1,0.2\n")
    with pytest.raises(MissionError, match=r"waypoint 1 of 'low' is 0\.2 m high: keep at least 0\.4 m"):
        QuadrotorEnv(waypoints=tmp_path / "low.csv")


@pytest.mark.parametrize("arguments", [{"interface": "thrust"}, {"fence": 0}, {"radius": -1}, {"episode_steps": 0}])
def test_impossible_arguments_are_refused(arguments: Any) -> None:
    with pytest.raises(MissionError):
        QuadrotorEnv(**arguments)


@pytest.mark.parametrize("action", [[math.nan, 0, 0, 0], [0, 0, 0]])
def test_bad_actions_are_refused(action: list[float]) -> None:
    env = QuadrotorEnv()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action"):
        env.step(np.array(action, dtype=np.float32))


# ---------------------------------------------------------------------- states
@pytest.mark.parametrize(
    ("interface", "fault"),
    [
        ("velocity", {"payload": 0.3, "gusts": 3.0, "latency": 0.05}),
        ("rates", {"rotors": [0.8, 1, 1, 1], "wind": [3, 0, 0], "latency": 0.03}),
    ],
)
@pytest.mark.parametrize("on", [True, False])
def test_a_restored_flight_goes_on_to_the_bit(interface: str, fault: Any, on: bool) -> None:
    window = LASTING if on else {"inject": 0.15, "remove": 0.8}
    env, other = (QuadrotorEnv(interface=interface, fault=fault, fence=50.0, **window) for _ in range(2))
    actions = np.random.default_rng(0).uniform(-1, 1, size=(80, 4)).astype(np.float32)
    actions[:, 0] = actions[:, 0] / 4 + (1 if interface == "rates" else 0)
    env.reset(seed=3)
    for action in actions[:40]:
        env.step(action)
    state = env.get_episode_state()

    def rest(target: QuadrotorEnv) -> list[bytes]:
        seen = []
        for action in actions[40:]:
            observation, reward, *_ = target.step(action)
            seen += [observation.tobytes(), reward, target.get_episode_state()["physics"].tobytes()]
        return seen

    expected = rest(env)
    other.reset(seed=8)
    other.progress.reached = 10  # the fault is on in the other one, whatever the state says
    other._apply()
    other.step(actions[0])
    other.set_episode_state(state)
    assert rest(other) == expected
    env.set_episode_state(state)
    assert rest(env) == expected


def test_dead_zone_and_power_change_velocities_and_rates_and_leave_thrust_alone() -> None:
    fault = QuadrotorFault.parse({"velocity_gain": [-1, 1, 1], "dead_zone": 0.25, "power": 2}, "velocity")
    assert fault.turn_velocities(3.0, 0.9, -2.0, 0.1) == pytest.approx([-1.0, 0.0, -2 * 0.75**2, 0.1])
    rates = QuadrotorFault.parse({"rate_gain": [1, -1, 1], "dead_zone": 0.25, "power": 2}, "rates")
    assert rates.turn_rates(0.3, 3.0, 3.0, 0.4) == pytest.approx([0.3, 1.0, -1.0, 0.0])
    matrix, bias = fault.command_effect("velocity")
    assert [matrix[i][i] for i in range(4)] == [-1, 1, 1, 1]
    assert bias == [0.0] * 4
