"""The mixer: exact where motors can follow, and in order of importance where they can't."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crl_envs.quadrotors import model as body
from crl_envs.quadrotors.control import mix


def wrench(forces: list[float]) -> np.ndarray:
    """Collective thrust (N) and torques (N m) of four motors, from the geometry."""
    total = np.zeros(4)
    for force, (x, y), spin in zip(forces, body.PLACES, body.SPINS, strict=True):
        total += [force, y * force, -x * force, spin * body.YAW_ARM * force]
    return total


small = st.floats(-0.3, 0.3)
any_torque = st.floats(-5, 5)


@given(st.floats(8, 16), small, small, st.floats(-0.03, 0.03))
def test_what_motors_can_do_is_done(thrust: float, roll: float, pitch: float, yaw: float) -> None:
    np.testing.assert_allclose(wrench(mix(thrust, roll, pitch, yaw)), [thrust, roll, pitch, yaw], atol=1e-9)


@given(st.floats(-10, 60), any_torque, any_torque, any_torque)
def test_motors_stay_within_their_range(thrust: float, roll: float, pitch: float, yaw: float) -> None:
    forces = mix(thrust, roll, pitch, yaw)
    assert all(0 <= force <= body.MOTOR_THRUST for force in forces)
    got = wrench(forces)
    # Roll and pitch keep their direction, and their size while they fit at all.
    wanted = np.array([roll, pitch])
    assert got[1] * pitch - got[2] * roll == np.float64(0) or abs(got[1] * pitch - got[2] * roll) < 1e-8
    fits = (abs(roll) + abs(pitch)) / (2 * body.OFFSET) <= body.MOTOR_THRUST
    if fits:
        np.testing.assert_allclose(got[1:3], wanted, atol=1e-9)
    # Yaw never turns the wrong way and never more than wanted.
    assert -1e-9 <= got[3] * np.sign(yaw) <= abs(yaw) + 1e-9
