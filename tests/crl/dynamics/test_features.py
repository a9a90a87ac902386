"""Features and changes: angles that wrap, local rotations, clamps; against SciPy, one observation at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from crl.dynamics.features import (
    FeatureMap,
    quaternion_of,
    quaternion_product,
    rotation_matrix,
    rotation_vector,
    wrap,
)
from crl.types import ObservationField, ObservationSpec
from tests.oracles import observations as oracle

MIXED = ObservationSpec(
    (
        ObservationField("height", "m", low=-2.0, high=2.0, scale_floor=0.01, event=0.1),
        ObservationField("heading", "rad", kind="angle", low=-math.pi, high=math.pi, scale_floor=0.02, event=0.2),
        ObservationField("pose", "1", kind="quaternion", scale_floor=0.03),
        ObservationField("speed", "m/s", scale_floor=0.04),
    )
)
LINEAR = ObservationSpec((ObservationField("x", "m", low=-1.0, high=1.0), ObservationField("v", "m/s")))
MAP = FeatureMap(MIXED)

finite = st.floats(-3, 3, width=32)
angles = st.floats(-3 * math.pi, 3 * math.pi)
directions = arrays(np.float64, 3, elements=st.floats(-1, 1)).filter(lambda v: np.linalg.norm(v) > 1e-2)


@st.composite
def quaternions(draw: Callable) -> np.ndarray:
    axis = draw(directions)
    turned = Rotation.from_rotvec(axis / np.linalg.norm(axis) * draw(st.floats(0, math.pi)))
    return oracle.quaternion(turned) * draw(st.sampled_from([-1.0, 1.0]))


@st.composite
def observations(draw: Callable) -> np.ndarray:
    height, speed = draw(st.floats(-2, 2, width=32)), draw(finite)
    return np.array([height, draw(angles), *draw(quaternions()), speed])


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@given(observations())
def test_features_are_those_of_the_oracle(observation: np.ndarray) -> None:
    np.testing.assert_allclose(MAP.encode(tensor(observation)), oracle.encode(MIXED, observation), atol=1e-9)


@given(observations(), observations())
def test_changes_are_wrapped_and_local(before: np.ndarray, after: np.ndarray) -> None:
    ours, theirs = MAP.change(tensor(before), tensor(after)).numpy(), oracle.change(MIXED, before, after)
    np.testing.assert_allclose(ours[[0, 5]], theirs[[0, 5]], atol=1e-9)
    assert abs(oracle.wrap(ours[1] - theirs[1])) < 1e-9  # half a turn has two signs
    assert -math.pi <= ours[1] <= math.pi
    # Half a turn has two rotation vectors: compare what they do.
    agree = Rotation.from_rotvec(ours[2:5]).inv() * Rotation.from_rotvec(theirs[2:5])
    assert agree.magnitude() < 1e-6
    assert np.linalg.norm(ours[2:5]) <= math.pi + 1e-9


@given(observations(), arrays(np.float64, 6, elements=st.floats(-4, 4)))
def test_changes_are_applied_like_the_oracle_does(observation: np.ndarray, change: np.ndarray) -> None:
    ours = MAP.apply(tensor(observation), tensor(change)).numpy()
    assert oracle.distance(MIXED, ours, oracle.apply(MIXED, observation, change)) < 1e-7
    assert -2 <= ours[0] <= 2
    assert -math.pi <= ours[1] <= math.pi
    assert np.linalg.norm(ours[2:6]) == pytest.approx(1)


@given(observations(), observations())
def test_applying_the_change_leads_to_the_next_observation(before: np.ndarray, after: np.ndarray) -> None:
    ours = MAP.apply(tensor(before), MAP.change(tensor(before), tensor(after))).numpy()
    assert oracle.distance(MIXED, ours, after) < 1e-6


@given(observations(), observations())
def test_so_it_does_in_single_precision(before: np.ndarray, after: np.ndarray) -> None:
    first, second = tensor(before).float(), tensor(after).float()
    ours = MAP.apply(first, MAP.change(first, second))
    assert ours.dtype == torch.float32
    assert oracle.distance(MIXED, ours.double().numpy(), after) < 2e-5


def test_a_turn_about_a_local_axis_is_local() -> None:
    """A body that lies on its side and yaws about its own axis: the world's axis would be another one."""
    side = oracle.quaternion(Rotation.from_euler("x", 90, degrees=True))
    turned = oracle.quaternion(Rotation.from_euler("x", 90, degrees=True) * Rotation.from_euler("z", 30, degrees=True))
    before, after = np.array([0, 0, *side, 0]), np.array([0, 0, *turned, 0])
    change = MAP.change(tensor(before), tensor(after))
    np.testing.assert_allclose(change[2:5], [0, 0, math.radians(30)], atol=1e-12)
    # The same turn from another pose is the same change: that is what a model can learn.
    other = MAP.apply(tensor(np.array([0, 0, 1, 0, 0, 0, 0])), change)
    np.testing.assert_allclose(rotation_matrix(other[2:6]), Rotation.from_euler("z", 30, degrees=True).as_matrix())


def test_an_angle_may_cross_the_cut() -> None:
    just_below, just_above = np.zeros(7), np.zeros(7)
    just_below[1], just_above[1] = math.pi - 0.05, -math.pi + 0.05
    just_below[2] = just_above[2] = 1
    assert float(MAP.change(tensor(just_below), tensor(just_above))[1]) == pytest.approx(0.1)
    np.testing.assert_allclose(MAP.encode(tensor(just_below))[1:3], [-math.cos(0.05), math.sin(0.05)])
    moved = MAP.apply(tensor(just_below), tensor(np.array([0, 0.1, 0, 0, 0, 0])))
    assert float(moved[1]) == pytest.approx(-math.pi + 0.05)


@given(st.floats(-100, 100, width=32))
def test_wrapped_angles_are_the_same_angle(angle: float) -> None:
    wrapped = float(wrap(torch.tensor(angle)))
    assert -math.pi - 1e-6 <= wrapped <= math.pi + 1e-6
    assert math.cos(wrapped) == pytest.approx(math.cos(angle), abs=2e-5)
    assert math.sin(wrapped) == pytest.approx(math.sin(angle), abs=2e-5)


@given(quaternions(), quaternions())
def test_quaternions_multiply_like_rotations(p: np.ndarray, q: np.ndarray) -> None:
    product = quaternion_product(tensor(p), tensor(q))
    expected = (oracle.rotation(p) * oracle.rotation(q)).as_matrix()
    np.testing.assert_allclose(rotation_matrix(product), expected, atol=1e-9)


@given(quaternions())
def test_both_signs_of_a_quaternion_are_one_rotation(q: np.ndarray) -> None:
    vectors = [rotation_vector(tensor(sign * q)).numpy() for sign in (1, -1)]
    np.testing.assert_allclose(*(Rotation.from_rotvec(v).as_matrix() for v in vectors), atol=1e-7)
    np.testing.assert_allclose(*(rotation_matrix(tensor(sign * q)) for sign in (1, -1)), atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-9, 1e-7, 1e-6, 1e-3, 1.0, math.pi - 1e-3])
def test_logarithm_and_exponential_are_inverse_and_smooth(angle: float, dtype: torch.dtype) -> None:
    vector = (angle * torch.tensor([0.36, -0.48, 0.8], dtype=torch.float64)).to(dtype).requires_grad_()
    again = rotation_vector(quaternion_of(vector))
    np.testing.assert_allclose(again.detach(), vector.detach(), atol=1e-6 if dtype == torch.float32 else 1e-12)
    again.sum().backward()
    assert torch.isfinite(vector.grad).all()  # an unrolled loss differentiates through both
    if 0 < angle < 3:
        # The gradient of the identity.
        np.testing.assert_allclose(vector.grad, torch.ones(3), rtol=1e-2 if dtype == torch.float32 else 1e-6)


def test_linear_observations_pass_and_are_clamped() -> None:
    plain = FeatureMap(LINEAR)
    observation = torch.tensor([[0.5, 1.0], [-0.5, 2.0]])
    assert plain.encode(observation) is observation
    np.testing.assert_array_equal(plain.apply(observation, torch.tensor([[9.0, 9.0], [-9.0, 0.0]])), [[1, 10], [-1, 2]])
    np.testing.assert_array_equal(plain.change(observation, observation + 1), np.ones((2, 2)))


def test_sizes_floors_and_events_follow_the_fields() -> None:
    assert (MAP.features, MAP.changes) == (1 + 2 + 9 + 1, 1 + 1 + 3 + 1)
    np.testing.assert_allclose(MAP.scale_floor, [0.01, 0.02, 0.03, 0.03, 0.03, 0.04])
    np.testing.assert_allclose(MAP.feature_floor, [0.01, *[1e-6] * 11, 0.04])
    np.testing.assert_allclose(MAP.event, [0.1, 0.2, *[math.inf] * 4])
    observation = torch.zeros(2, 3, 5, 7)
    observation[..., 2] = 1
    assert MAP.encode(observation).shape == (2, 3, 5, 13)
    assert MAP.change(observation, observation).shape == (2, 3, 5, 6)
    assert MAP.apply(observation, torch.zeros(2, 3, 5, 6)).shape == (2, 3, 5, 7)
