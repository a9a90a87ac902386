"""``crl.adapt`` on a unicycle whose gains change."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

import crl
from crl.errors import CrlError, SettingsError
from tests.oracles import unicycle

HIGH = np.array(unicycle.ACTION.high, np.float32)
SPACE = gymnasium.spaces.Box(-HIGH, HIGH)
SMALL = {
    "flow.field.regimes": 256, "flow.field.updates": 600, "flow.field.hidden": [64, 64],
    "flow.encoder.updates": 300, "flow.encoder.hidden": [32],
}  # fmt: skip
GAINS = (-1.0, 0.5)


def model(observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """One step of the nominal unicycle, without wrapping its heading."""
    return observation + unicycle.nominal(observation, action)


def drive(count: int, gains: tuple[float, float], seed: int, start: Any = (0.0, 0.0, 3.1)) -> tuple[np.ndarray, ...]:
    """Observations, actions and next observations under random commands."""
    rng, state = np.random.default_rng(seed), np.array(start, np.float32)
    rows = []
    for _ in range(count):
        action = (rng.uniform(-1, 1, 2) * HIGH).astype(np.float32)
        after = unicycle.step(state, action, gains, rng.normal(size=3))
        rows.append((state, action, after))
        state = after
    return tuple(np.stack(part) for part in zip(*rows, strict=True))


def follow(refiner: crl.ActionRefiner, gains: tuple[float, float], count: int, seed: int) -> None:
    for row in zip(*drive(count, gains, seed), strict=True):
        refiner.observe(*row)


@pytest.fixture(scope="module", params=["afm", "inverse", "box"])
def refiner(request: pytest.FixtureRequest) -> crl.ActionRefiner:
    data = drive(300, (1.0, 1.0), 0)
    return crl.adapt(model, data, SPACE, method=request.param, angles=[2], settings=SMALL)


def test_nothing_changes_while_the_body_is_as_its_model(refiner: crl.ActionRefiner) -> None:
    refiner.reset()
    follow(refiner, (1.0, 1.0), 200, 1)
    planned = np.array([0.4, -0.3])
    np.testing.assert_array_equal(refiner.refine(planned), planned.astype(np.float32))
    assert not refiner.active
    assert refiner.changes == 0


def test_a_changed_body_does_what_was_planned(refiner: crl.ActionRefiner) -> None:
    refiner.reset()
    follow(refiner, (1.0, 1.0), 30, 1)
    follow(refiner, GAINS, 15, 2)
    assert refiner.active
    assert refiner.changes >= 1
    rng = np.random.default_rng(3)
    planned = (rng.uniform(-0.45, 0.45, (40, 2)) * HIGH).astype(np.float32)  # what half the gain can still do
    done = np.array([refiner.refine(row) * np.array(GAINS) for row in planned])
    untouched = np.abs(planned * np.array(GAINS) - planned).mean()
    assert np.abs(done - planned).mean() < 0.1 * untouched
    sent = planned[0]
    np.testing.assert_allclose(refiner.effective(sent), sent * np.array(GAINS), atol=0.05)
    refiner.reset()
    np.testing.assert_array_equal(refiner.refine(planned[0]), planned[0])


def test_the_end_of_a_change_is_found(refiner: crl.ActionRefiner) -> None:
    refiner.reset()
    follow(refiner, GAINS, 30, 4)
    assert refiner.active
    follow(refiner, (1.0, 1.0), 40, 5)
    assert not refiner.active


def test_an_angle_that_is_not_named_jumps() -> None:
    data = drive(300, (1.0, 1.0), 0, start=(0.0, 0.0, 3.1))
    named = crl.adapt(model, data, SPACE, method="box", angles=[2])
    unnamed = crl.adapt(model, data, SPACE, method="box")
    for refiner in (named, unnamed):
        follow(refiner, GAINS, 15, 2)
    assert named.active
    assert float(unnamed._refiner.flow.calibration.usual) != float(named._refiner.flow.calibration.usual)


def test_bad_input_is_named() -> None:
    data = drive(120, (1.0, 1.0), 0)
    with pytest.raises(SettingsError, match="method 'afmm' is unknown"):
        crl.adapt(model, data, SPACE, method="afmm")
    with pytest.raises(SettingsError, match=r"flow\.field\.updates"):
        crl.adapt(model, data, SPACE, method="box", settings={"flow.field.updatess": 3})
    with pytest.raises(ValueError, match=r"observations \(N, S\), actions \(N, 2\)"):
        crl.adapt(model, (data[0], data[1][:, :1], data[2]), SPACE, method="box")
    with pytest.raises(ValueError, match="indices from 0 to 2"):
        crl.adapt(model, data, SPACE, method="box", angles=[3])
    with pytest.raises(CrlError, match="too few to calibrate"):
        crl.adapt(model, drive(20, (1.0, 1.0), 0), SPACE, method="box")
    with pytest.raises(ValueError, match="must be a Box"):
        crl.adapt(model, data, gymnasium.spaces.Discrete(2), method="box")  # type: ignore[arg-type]
    refiner = crl.adapt(model, data, SPACE, method="box", angles=[2])
    with pytest.raises(ValueError, match=r"an action has the shape \(2,\)"):
        refiner.refine(np.zeros(3))
    with pytest.raises(ValueError, match=r"an observation has the shape \(3,\)"):
        refiner.observe(np.zeros(2), np.zeros(2), np.zeros(3))
    refiner.observe(np.full(3, np.nan), np.zeros(2), np.zeros(3))
    assert not refiner.active


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"model": None}, "model must be a function"),
        ({"model": lambda o, a: o[:1]}, "model must return a tensor of shape"),
        ({"model": lambda o, a: o[:, :1]}, "model must return a tensor of shape"),
        ({"model": lambda o, a: o.numpy()}, "not a ndarray"),
        ({"data": None}, "3 arrays: observations, actions, next observations"),
        ({"data": (np.zeros((120, 3)), np.zeros((120, 2)))}, "3 arrays"),
        ({"data": (np.zeros((120, 0)), np.zeros((120, 2)), np.zeros((120, 0)))}, r"observations \(N, S\)"),
        ({"data": ("a", "b", "c")}, "observations must be real numbers"),
        ({"angles": [0.5]}, "an index among the angles must be a whole number"),
        ({"angles": ["0"]}, "an index among the angles must be a whole number"),
        ({"action_space": gymnasium.spaces.Box(-1.0, 1.0, (0,))}, "an element or more"),
    ],
)
def test_what_does_not_fit_is_named_before_anything_is_fitted(wrong: dict[str, Any], said: str) -> None:
    given = {"model": model, "data": drive(120, (1.0, 1.0), 0), "action_space": SPACE, "method": "box", **wrong}
    with pytest.raises(ValueError, match=said):
        crl.adapt(**given)


def test_an_action_that_is_not_finite_is_never_passed_on() -> None:
    refiner = crl.adapt(model, drive(120, (1.0, 1.0), 0), SPACE, method="box", angles=[2])
    for ask in (refiner.refine, refiner.effective):
        for wrong in ([np.nan, 0.0], [0.0, np.inf], [None, 0.0]):
            with pytest.raises(ValueError, match="an action must be"):
                ask(wrong)  # type: ignore[arg-type]
    np.testing.assert_array_equal(refiner.refine(np.array([0.5, 0.0])), np.array([0.5, 0.0], np.float32))
