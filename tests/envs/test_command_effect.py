"""What oracles are told is what the body does: the command that a faulty body makes of a command, and the suites."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np
import pytest

from crl_envs import sequences
from crl_envs.missions import suites
from crl_envs.quadrotors.faults import QuadrotorFault
from crl_envs.quadrotors.quadrotor import QuadrotorEnv
from crl_envs.vehicles.bodies import make_ugv_mission
from crl_envs.vehicles.ugv_unicycle import UnicycleEnv

LASTING: dict[str, Any] = {"inject": 0.0, "remove": 1.0}
COMMANDS = np.random.default_rng(0).uniform(-1, 1, (6, 4))


def made_of(command: np.ndarray, effect: tuple[list[list[float]], list[float]]) -> np.ndarray:
    matrix, bias = (np.array(part) for part in effect)
    found: np.ndarray = matrix @ command + bias
    return found


@pytest.mark.parametrize("gains", [[-1, 2], [2.5, 0.05], [0.1, -1.5]])
def test_a_faulty_unicycle_does_what_a_nominal_one_does_on_the_effective_command(gains: list[float]) -> None:
    faulty = UnicycleEnv(fault={"gain": gains}, clipped=False, **LASTING)
    nominal = UnicycleEnv(clipped=False, **LASTING)
    for command in COMMANDS[:, :2]:
        for env in (faulty, nominal):
            env.reset(seed=1)
        effective = made_of(command, faulty.command_effect()).astype(np.float32)
        np.testing.assert_allclose(effective, command * gains, rtol=1e-6)
        first = faulty.step(command.astype(np.float32))[0]
        second = nominal.step(effective)[0]
        np.testing.assert_allclose(first, second, rtol=0, atol=1e-6)


def test_it_is_that_of_the_step_to_come() -> None:
    env = UnicycleEnv(fault={"gain": [-1, 2]}, inject=0.15, remove=0.8)
    env.reset(seed=0)
    assert env.command_effect() == ([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0])
    env.progress.reached = len(env.progress.mission) // 2
    assert env.command_effect() == ([[-1.0, 0.0], [0.0, 2.0]], [0.0, 0.0])
    env.progress.reached = len(env.progress.mission)
    assert env.command_effect() == ([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0])


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"gain": [-0.5, 2]},
        {"sides": [1, -1]},
        {"sides": [0.3, 1]},
        {"sides": [-1.5, 0.5], "gain": [2, -1]},
        {"dead_side": "left"},
        {"dead_side": "right", "sides": [0.5, 1]},
    ],
)
def test_a_faulty_huskys_wheels_turn_as_nominal_ones_on_the_effective_command(
    fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pybullet = pytest.importorskip("pybullet")
    from crl_envs.vehicles import husky

    turned: list[list[float]] = []
    control = pybullet.setJointMotorControlArray

    def noted(*arguments: Any, **named: Any) -> Any:
        turned.append(list(named["targetVelocities"]))
        return control(*arguments, **named)

    with closing(husky.HuskyEnv(fault=fault, **LASTING)) as faulty, closing(husky.HuskyEnv(**LASTING)) as nominal:
        for env in (faulty, nominal):
            env.reset(seed=0)
        monkeypatch.setattr(pybullet, "setJointMotorControlArray", noted)
        for command in COMMANDS[:, :2]:
            faulty.body.turn_wheels(command.tolist())
            nominal.body.turn_wheels(made_of(command, faulty.command_effect()).tolist())
            np.testing.assert_allclose(turned[-2], turned[-1], rtol=1e-9, atol=1e-9)
    assert len(turned) == 2 * len(COMMANDS)


@pytest.mark.parametrize(
    "fault",
    [
        {"rate_gain": [-0.5, 2, -1]},
        {"rate_bias": [0.5, 0.3, -0.2]},
        {"axes": 90},
        {"axes": -30, "rate_gain": [2, 0.5, 1], "rate_bias": [0.1, 0, 0]},
    ],
)
def test_a_quadrotors_rates_arrive_as_told(fault: dict[str, Any]) -> None:
    known = QuadrotorFault.parse(fault, "rates")
    effect = QuadrotorEnv(interface="rates", fault=fault, **LASTING).command_effect()
    for command in COMMANDS:
        np.testing.assert_allclose(made_of(command, effect), known.turn_rates(*command.tolist()), atol=1e-12)


@pytest.mark.parametrize(
    ("fault", "share"),
    [
        ({"thrust": 0.6}, 0.6),
        ({"payload": 0.6}, 1 / 1.6),
        ({"rotors": [0.6, 1, 1, 1]}, 0.9),
        ({"thrust": 1.6, "payload": 0.25, "rotors": [0.5, 0.5, 1, 1]}, 1.6 * 0.75 / 1.25),
    ],
)
def test_loads_and_lost_thrust_are_a_factor_on_the_thrust_per_weight(fault: dict[str, Any], share: float) -> None:
    """In weights of the body as it is: what the thrust accelerates it by."""
    matrix, bias = QuadrotorEnv(interface="rates", fault=fault, **LASTING).command_effect()
    np.testing.assert_allclose(matrix, np.diag([share, 1, 1, 1]))
    assert bias == [0, 0, 0, 0]
    # The velocity loop has an integral of its own against them.
    matrix, _ = QuadrotorEnv(interface="velocity", fault=fault, **LASTING).command_effect()
    np.testing.assert_allclose(matrix, np.eye(4))


def test_the_share_of_the_thrust_is_what_the_body_feels() -> None:
    """In free flight for a moment, upright: acceleration is (share x command - 1) g."""
    found = {}
    for name, fault in (("nominal", {}), ("heavy", {"payload": 0.6})):
        env = QuadrotorEnv(interface="rates", fault=fault, **LASTING)
        env.reset(seed=0)
        speeds = [env.step(np.array([1.3, 0, 0, 0], np.float32))[0][6] for _ in range(12)]
        found[name] = (speeds[-1] - speeds[5]) / (6 * 0.02) / 9.81
        share = env.command_effect()[0][0][0]
        assert found[name] == pytest.approx(share * 1.3 - 1, abs=0.03)
    assert found["heavy"] < 0 < found["nominal"]


@pytest.mark.parametrize(
    "fault",
    [
        {"velocity_gain": [-0.5, 2, -1]},
        {"velocity_bias": [0.8, 0.5, 0]},
        {"frame": 120},
        {"dead": ["vy"], "frame": 30, "velocity_bias": [0.1, 0.4, 0]},
    ],
)
def test_a_quadrotors_velocities_arrive_as_told(fault: dict[str, Any]) -> None:
    known = QuadrotorFault.parse(fault, "velocity")
    effect = QuadrotorEnv(interface="velocity", fault=fault, **LASTING).command_effect()
    for command in COMMANDS:
        np.testing.assert_allclose(made_of(command, effect), known.turn_velocities(*command.tolist()), atol=1e-12)


# ---------------------------------------------------------------------- suites
SUITES = {
    "ugv_mission": (suites.UNICYCLE, {"published"}),
    "ugv_mission_husky": (suites.HUSKY, set("ABCD")),
    "quadrotor_mission": (suites.VELOCITY, set("ABCD")),
    "quadrotor_mission_rates": (suites.RATES, set("ABCD")),
}
SEQUENCES = {
    "ugv_mission": sequences.UGV_MISSION,
    "ugv_mission_husky": sequences.UGV_MISSION_HUSKY,
    "quadrotor_mission": sequences.QUADROTOR_MISSION,
    "quadrotor_mission_rates": sequences.QUADROTOR_MISSION_RATES,
}


@pytest.mark.parametrize("name", SUITES)
def test_suites_are_well_formed_and_every_fault_can_be_made(name: str) -> None:
    suite, classes = SUITES[name]
    if name == "ugv_mission_husky":
        pytest.importorskip("pybullet")
    assert SEQUENCES[name]["missions"] == list(suite)
    names = [entry["name"] for entry in suite]
    assert len(set(names)) == len(names)
    assert {entry["class"] for entry in suite} == classes
    kwargs = SEQUENCES[name]["tasks"][0]["kwargs"]
    make = make_ugv_mission if name.startswith("ugv") else QuadrotorEnv
    for entry in suite:
        assert set(entry) == {"name", "class", "fault"}
        with closing(make(**{**kwargs, "fault": entry["fault"], "inject": 0.15, "remove": 0.8})) as env:
            assert env.task["name"] == entry["name"]


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_has_one_nominal_mission_and_each_fault_once(name: str) -> None:
    suite, _ = SUITES[name]
    faults = [str(entry["fault"]) for entry in suite]
    assert faults.count("{}") == 1
    assert len(set(faults)) == len(faults)
    assert {"{}"} == {str(e["fault"]) for e in suite if e["name"] == "nominal"}
