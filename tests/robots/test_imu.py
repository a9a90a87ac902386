"""What is made of an IMU's messages, with SciPy's rotations as the oracle."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from crl_robots import Reading, RobotError, geometry, load_spec
from crl_robots.imu import ImuReading, fill_imu, imu_of, refined

SPEC = load_spec("quadrotor_generic")


def quaternion(rotation: Rotation) -> Any:
    x, y, z, w = rotation.as_quat().tolist()
    return w, x, y, z


def plain_message(**changes: Any) -> SimpleNamespace:
    blank = {
        "header": SimpleNamespace(frame_id="base_link", stamp=SimpleNamespace(sec=3, nanosec=500_000_000)),
        "orientation": SimpleNamespace(w=1.0, x=0.0, y=0.0, z=0.0),
        "angular_velocity": SimpleNamespace(x=0.1, y=0.2, z=0.3),
    }
    kinds = ("orientation", "angular_velocity", "linear_acceleration")
    covariances = {f"{kind}_covariance": [0.0] * 9 for kind in kinds}
    return SimpleNamespace(**{**blank, **covariances, **changes})


READING = Reading(
    1,
    7.0,
    3.0,
    (1.0, 2.0, 3.0),
    quaternion(Rotation.from_euler("ZYX", [2.5, 0.1, -0.2])),
    (1.0, -0.5, 0.2),
    (0.0, 0.0, 1.0),
)


def test_a_message_is_read_and_written_and_minus_one_means_none() -> None:
    seen = imu_of(SPEC, plain_message(), 7.0)
    assert seen == ImuReading(7.0, 3.5, (1.0, 0.0, 0.0, 0.0), (0.1, 0.2, 0.3))
    assert imu_of(SPEC, plain_message(orientation_covariance=[-1.0] + [0.0] * 8), 7.0).orientation is None
    assert imu_of(SPEC, plain_message(angular_velocity_covariance=[-1.0] + [0.0] * 8), 7.0).rates is None
    message = plain_message()
    fill_imu(message, READING)
    again = imu_of(SPEC, message, 7.0)
    assert (again.orientation, again.rates) == (READING.orientation, READING.rates)
    assert message.linear_acceleration_covariance[0] == -1.0


def test_another_frame_is_refused() -> None:
    message = plain_message()
    message.header.frame_id = "imu_link"
    with pytest.raises(RobotError, match="'imu_link'"):
        imu_of(SPEC, message, 7.0)


@pytest.mark.parametrize("length", [0.0, 0.5, 0.98, 1.02, math.nan, math.inf])
def test_a_quaternion_that_is_none_has_no_tilt(length: float) -> None:
    seen = ImuReading(0.0, 0.0, (length, 0.0, 0.0, 0.0), None)
    assert math.isnan(seen.inertial().tilt)


def test_the_tilt_is_that_of_the_rotation() -> None:
    turn = Rotation.from_euler("ZYX", [0.4, 0.0, 0.7])
    assert ImuReading(0.0, 0.0, quaternion(turn), None).inertial().tilt == pytest.approx(0.7)
    assert ImuReading(0.0, 0.0, None, (0.0, 0.0, 0.0)).inertial().tilt is None


def test_a_newer_message_gives_rates_roll_and_pitch_and_leaves_the_rest() -> None:
    turn = Rotation.from_euler("ZYX", [-1.0, 0.3, 0.5])
    seen = ImuReading(7.0, 3.01, quaternion(turn), (0.4, 0.5, 0.6))
    made = refined(READING, seen)
    w, x, y, z = made.orientation
    np.testing.assert_allclose(Rotation.from_quat([x, y, z, w]).as_euler("ZYX"), [2.5, 0.3, 0.5], atol=1e-12)
    assert made.rates == (0.4, 0.5, 0.6)
    assert made.position == READING.position
    over_ground = [geometry.to_world(each.orientation, each.velocity) for each in (READING, made)]
    np.testing.assert_allclose(*over_ground, atol=1e-12)
    only_rates = refined(READING, replace(seen, orientation=None))
    assert only_rates == replace(READING, rates=(0.4, 0.5, 0.6))


@pytest.mark.parametrize("source", [3.0, 2.99])
def test_a_message_that_is_no_newer_changes_nothing(source: float) -> None:
    assert refined(READING, ImuReading(7.0, source, (1.0, 0.0, 0.0, 0.0), (9.0, 9.0, 9.0))) is READING
    assert refined(READING, None) is READING


def test_only_the_quadrotor_listens() -> None:
    assert [load_spec(name).imu for name in ("quadrotor_generic", "ugv_husky", "ugv_generic")] == [True, False, False]
