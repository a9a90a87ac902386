"""Faults of the unicycle that are no gain, against their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from crl_envs.missions import MissionError
from crl_envs.missions.commands import dead_zone, drifted, lagged, power, stalled
from crl_envs.missions.suites import UNICYCLE_NONLINEAR
from crl_envs.vehicles.ugv_unicycle import HALF, NOISE, UnicycleEnv
from crl_envs.vehicles.unicycle_faults import UnicycleFault

LASTING = {"inject": 0.0, "remove": 1.0}


def moved(fault: dict[str, Any], commands: list[tuple[float, float]]) -> np.ndarray:
    """Changes of the pose, each in axes of the heading before it, [N, 3]."""
    env = UnicycleEnv(fault=fault, **LASTING)
    env.reset(seed=0)
    changes = []
    for command in commands:
        x, y, heading = env._pose()
        env.step(np.array(command, np.float32))
        after = env._pose()
        east, north = after[0] - x, after[1] - y
        cosine, sine = math.cos(heading), math.sin(heading)
        turned = math.remainder(after[2] - heading, 2 * math.pi)
        changes.append([cosine * east + sine * north, cosine * north - sine * east, turned])
    return np.array(changes)


@pytest.mark.parametrize(
    ("fault", "command", "speed"),
    [
        ({"dead_zone": 0.3}, (0.2, 0.0), 0.0),
        ({"dead_zone": 0.3}, (-0.8, 0.0), -0.5),
        ({"power": 2}, (-0.5, 0.0), -0.25),
        ({"gain": [-1, 1], "dead_zone": 0.3}, (1.0, 0.0), -0.7),
        ({"slip": 0.3}, (1.0, 0.0), 1.0),
        ({"stall": 0.5}, (0.4, 0.0), 0.4),
        ({"stall": 0.5}, (1.0, 0.0), 0.1),
        ({"stall": 0.5}, (-0.75, 0.0), -0.3),
    ],
)
def test_commands_are_changed_as_defined(fault: dict[str, Any], command: tuple[float, float], speed: float) -> None:
    change = moved(fault, [command])[0]
    np.testing.assert_allclose(change, [0.2 * speed, 0, 0], atol=6 * NOISE)


def test_slip_takes_speed_in_a_turn_and_slides_outwards() -> None:
    left, right = moved({"slip": 0.3}, [(1.0, math.pi / 2)])[0], moved({"slip": 0.3}, [(1.0, -math.pi / 2)])[0]
    np.testing.assert_allclose(left[:2], [0.2 * 0.7, -0.2 * 0.3], atol=1e-3)
    np.testing.assert_allclose(right[:2], [0.2 * 0.7, 0.2 * 0.3], atol=1e-3)
    back = moved({"slip": 0.3}, [(-1.0, math.pi / 2)])[0]
    np.testing.assert_allclose(back[:2], [-0.2 * 0.7, 0.2 * 0.3], atol=1e-3)


def test_a_biased_heading_turns_the_way_and_not_the_turn() -> None:
    for speed in (1.0, -1.0):
        change = moved({"heading_bias": 0.2}, [(speed, 0.5)])[0]
        wanted = [0.2 * speed * math.cos(0.2), 0.2 * speed * math.sin(0.2), 0.1]
        np.testing.assert_allclose(change, wanted, atol=6 * NOISE)


def test_a_lag_is_the_sampled_first_order_system() -> None:
    speeds = moved({"lag": 0.6}, [(1.0, 0.0)] * 12)[:, 0] / 0.2
    steps = np.arange(1, 13)
    np.testing.assert_allclose(speeds, 1 - np.exp(-0.2 * steps / 0.6), atol=1e-3)


def test_noise_has_its_deviation() -> None:
    changes = moved({"noise": 0.005}, [(0.0, 0.0)] * 400)
    np.testing.assert_allclose(changes.std(axis=0), 0.005, rtol=0.15)


def test_gains_switch_and_drift_with_time() -> None:
    pairs = [[-1, 2], [1, -1]]
    speeds = moved({"switch": pairs, "switch_time": 0.6}, [(0.5, 0.1)] * 8)
    np.testing.assert_allclose(speeds[:, 0] / 0.1, [-1, -1, -1, 1, 1, 1, -1, -1], atol=1e-3)
    np.testing.assert_allclose(speeds[:, 2] / 0.02, [2, 2, 2, -1, -1, -1, 2, 2], atol=5e-3)
    fault = UnicycleFault.parse({"drift_to": [-1, 1], "drift_time": 10})
    np.testing.assert_allclose([fault.gains(time)[0] for time in (0, 5, 7.5, 10, 99)], [1, 0, -0.5, -1, -1])
    np.testing.assert_allclose(fault.gains(5)[1], 1)


def test_the_oracle_is_told_the_gains_of_the_moment() -> None:
    env = UnicycleEnv(fault={"switch": [[-1, 2], [1, -1]], "switch_time": 0.4}, **LASTING)
    env.reset(seed=0)
    told = []
    for _ in range(4):
        told.append(env.command_effect()[0][0][0])
        env.step(np.zeros(2, np.float32))
    assert told == [-1, -1, 1, 1]


@pytest.mark.parametrize("fault", [entry["fault"] for entry in UNICYCLE_NONLINEAR], ids=lambda fault: str(fault)[:40])
def test_episodes_of_the_suite_go_on_to_the_bit(fault: dict[str, Any]) -> None:
    rng, env, other = np.random.default_rng(0), UnicycleEnv(fault=fault, **LASTING), UnicycleEnv(fault=fault, **LASTING)
    env.reset(seed=0)
    other.reset(seed=1)
    commands = (rng.uniform(-1, 1, (30, 2)) * HALF).astype(np.float32)
    for command in commands[:15]:
        env.step(command)
    other.set_episode_state(env.get_episode_state())
    for command in commands[15:]:
        one, two = env.step(command), other.step(command)
        assert one[0].tobytes() == two[0].tobytes()
        assert np.isfinite(one[0]).all()


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ({"dead_zone": 1.0}, "dead_zone = 1 is outside 0..0.9"),
        ({"power": 0}, "power = 0 is outside"),
        ({"drift_time": 3}, "drift_time stands without drift_to"),
        ({"switch_time": 3}, "switch_time stands without switch"),
        ({"switch": [[1, 1]], "gain": [1, 2]}, "switch stands beside gain"),
        ({"switch": []}, "is not a list of pairs"),
        ({"switch": [[1, 0]]}, r"switch\[0\]\[1\] is zero"),
        ({"lag": -1}, "lag = -1 is outside"),
        ({"deadzone": 0.1}, "did you mean 'dead_zone'"),
    ],
)
def test_impossible_faults_are_refused(fault: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MissionError, match=complaint):
        UnicycleFault.parse(fault)


def test_the_shared_functions_take_arrays() -> None:
    shares = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(dead_zone(shares, 0.25), [-0.75, -0.5, -0.25, 0, 0, 0, 0.25, 0.5, 0.75])
    np.testing.assert_allclose(power(shares, 2), shares * np.abs(shares))
    np.testing.assert_allclose(lagged(np.zeros(9), shares, 0, 0.2), shares)
    np.testing.assert_allclose(drifted(1.0, -1.0, 0.25), 0.5)


def test_a_stall_has_two_commands_for_one_effect() -> None:
    limit = 0.6
    commands = np.linspace(0, 1, 1001)
    effects = stalled(commands, limit)
    assert effects.max() == pytest.approx(limit)
    assert commands[effects.argmax()] == pytest.approx(limit)
    assert effects[-1] == pytest.approx(limit / 5)
    rising, falling = commands[commands < limit], commands[commands > limit]
    wanted = 0.4
    assert np.interp(wanted, effects[: len(rising)], rising) == pytest.approx(wanted)
    second = np.interp(-wanted, -effects[-len(falling) :], falling)
    assert stalled(second, limit) == pytest.approx(wanted)
    np.testing.assert_array_equal(stalled(-commands, limit), -effects)


def test_the_effect_of_commands_that_an_oracle_is_told_is_that_of_the_body() -> None:
    fault = {"gain": [-0.8, 1.2], "coupling": [0.3, -0.4]}
    env = UnicycleEnv(fault=fault, **LASTING)
    env.reset(seed=0)
    matrix = np.array(env.command_effect()[0])
    command = np.array([0.5, 0.6])
    change = moved(fault, [tuple(command)])[0]
    effective = matrix @ command
    np.testing.assert_allclose(change[[0, 2]], 0.2 * effective, atol=1e-3)


@pytest.mark.parametrize("coupling", [[1, 1], [2, 0.5], [0.1], "ab", [3, 0]])
def test_couplings_that_leave_one_motion_are_refused(coupling: Any) -> None:
    with pytest.raises(MissionError, match="coupling"):
        UnicycleFault.parse({"coupling": coupling})
