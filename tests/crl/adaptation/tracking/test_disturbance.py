"""A steady push on the map is found whatever the heading; a fault at its beginning is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.adaptation.tracking.disturbance import OUTLIER, Disturbance
from crl.dynamics.body import Body
from crl.types import ActionSpec, ObservationField, ObservationSpec

ACTION = ActionSpec(("push",), ("1",), (-1.0,), (1.0,))
FIELDS = [ObservationField(axis, "m", role="position") for axis in "xyz"]
FIELDS += [ObservationField("yaw", "rad", "angle", role="heading")]
FIELDS += [ObservationField(f"v{axis}", "m/s", role="velocity") for axis in "xyz"]
BODY = Body(ObservationSpec(tuple(FIELDS)), ACTION)
SPREAD = torch.full((7,), 0.02)
WIND = torch.tensor([0.03, -0.01, 0.0, 0.0, 0.05, 0.02, 0.0])
"""What a wind adds to every change, in axes of the map: way and velocity."""


def found(headings: np.ndarray, seconds: float = 2.0, seed: int = 0, push: Tensor = WIND) -> Disturbance:
    """An estimate after a flight with noise and a push that its own offset takes off the residuals."""
    rng, estimate = np.random.default_rng(seed), Disturbance(BODY, seconds, 0.02, SPREAD)
    for heading in headings:
        at = torch.tensor(float(heading))
        noise = torch.from_numpy(rng.normal(0, 0.01, 7).astype(np.float32))
        residual = BODY.to_map(push, -at) + noise - estimate.offset(at)
        estimate.observe(residual, at)
    return estimate


@pytest.mark.parametrize("turning", ["straight", "circles", "about"])
def test_a_constant_wind_is_found_whatever_the_heading(turning: str) -> None:
    time = np.arange(1500) * 0.02
    headings = {"straight": 0 * time + 2.1, "circles": (time * 2 + 3) % 6.28 - 3.14, "about": 3 * np.sin(time)}
    estimate = found(headings[turning])
    for heading in (0.0, 1.0, -2.5):
        expected = BODY.to_map(WIND, torch.tensor(-heading))
        torch.testing.assert_close(estimate.offset(torch.tensor(heading)), expected, rtol=0, atol=4e-3)


def test_it_follows_with_its_time_constant() -> None:
    """Without noise the share that is left after t seconds is exp(-t / seconds)."""
    estimate = Disturbance(BODY, 2.0, 0.02, SPREAD)
    for _ in range(100):
        estimate.observe(WIND - estimate.offset(torch.zeros(())), torch.zeros(()))
    torch.testing.assert_close(estimate.offset(torch.zeros(())), (1 - math.exp(-1)) * WIND, rtol=1e-4, atol=1e-6)


def test_turns_and_heights_are_no_push_on_the_map() -> None:
    estimate = found(np.zeros(500), push=torch.tensor([0.0, 0.0, 0.3, 0.5, 0.0, 0.0, 0.4]))
    offset = estimate.offset(torch.zeros(()))
    assert torch.equal(offset[[2, 3, 6]], torch.zeros(3))
    assert float(offset.abs().max()) < 4e-3


def test_a_fault_at_its_beginning_hardly_moves_it() -> None:
    estimate = found(np.zeros(1500))
    before = estimate.offset(torch.zeros(()))
    share = 1 - math.exp(-0.02 / 2.0)
    for sign in (1.0, -1.0, 1.0):
        estimate.observe(torch.full((7,), 1000.0 * sign), torch.zeros(()))
    moved = (estimate.offset(torch.zeros(())) - before).abs()
    assert float(moved.max()) <= share * OUTLIER * 0.02 + 1e-6
    estimate.observe(torch.full((7,), torch.nan), torch.zeros(()))
    assert bool(torch.isfinite(estimate.offset(torch.zeros(()))).all())


def test_off_it_estimates_nothing() -> None:
    estimate = found(np.zeros(50), seconds=0.0)
    assert not estimate.on
    assert torch.equal(estimate.offset(torch.zeros(())), torch.zeros(7))
    assert found(np.zeros(1), seconds=1.0).on


def test_state_is_restored_to_the_bit() -> None:
    first, second = found(np.linspace(-3, 3, 40)), Disturbance(BODY, 2.0, 0.02, SPREAD)
    state = first.state_dict()
    second.load_state_dict(state)
    for estimate in (first, second):
        estimate.observe(WIND, torch.tensor(0.7))
    assert torch.equal(first.offset(torch.tensor(1.0)), second.offset(torch.tensor(1.0)))
    assert not torch.equal(state["mean"], first.state_dict()["mean"])
