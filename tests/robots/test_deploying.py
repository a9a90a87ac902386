"""What deployments are told about robots is what the simulated missions are."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from crl.sequences import load_sequence
from crl_robots import SPECS, RobotError, load_spec
from crl_robots.deploying import RobotKit

PAIRS = [("ugv_mission", "ugv_generic"), ("ugv_mission_husky", "ugv_husky"), ("quadrotor_mission", "quadrotor_generic")]


@pytest.mark.parametrize(("env", "robot"), PAIRS)
def test_the_reward_of_a_robot_is_that_of_its_simulated_mission(env: str, robot: str) -> None:
    spec = load_spec(robot)
    rng = np.random.default_rng(1)
    before, after = rng.normal(size=(2, 500, len(spec.state)))
    after[:, -1] = 0.5
    after[::2, -1] = 1.0
    reward, success = RobotKit.functions(spec)
    with closing(load_sequence(env).make(0)) as made:
        np.testing.assert_allclose(reward(before, None, after), made.unwrapped.reward(before, None, after), rtol=1e-12)
        np.testing.assert_array_equal(success(after), made.unwrapped.success(after))
    assert success(after).sum() == 250


@pytest.mark.parametrize(("env", "robot"), PAIRS)
def test_a_rehearsal_passes_with_the_right_robot_and_fails_with_a_wrong_one(env: str, robot: str) -> None:
    spec = load_spec(robot)
    with closing(load_sequence(env).make(0)) as made:
        RobotKit.rehearse(spec, made)
        swapped = (spec.state[1], spec.state[0], *spec.state[2:])
        with pytest.raises(RobotError, match=r"would see y = .* m where its simulated body shows"):
            RobotKit.rehearse(replace(spec, state=swapped), made)


def test_axes_of_velocities_are_rehearsed() -> None:
    spec = load_spec("quadrotor_generic")
    with (
        closing(load_sequence("quadrotor_mission").make(0)) as made,
        pytest.raises(RobotError, match="would see velocity_"),
    ):
        RobotKit.rehearse(replace(spec, velocity_axes="body"), made)


def test_a_body_without_odometry_is_refused() -> None:
    with (
        closing(load_sequence("cartpole_length").make(0)) as made,
        pytest.raises(RobotError, match=r"has no odometry\(\)"),
    ):
        RobotKit.rehearse(load_spec("ugv_generic"), made)


def test_robots_are_found_by_name_and_by_file() -> None:
    assert RobotKit.names() == sorted(SPECS)
    assert RobotKit.file("ugv_husky") == SPECS["ugv_husky"]
    assert RobotKit.file("my_robot.yaml").name == "my_robot.yaml"
