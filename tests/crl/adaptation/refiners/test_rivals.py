"""The rivals of the flow: what they do with an identified context, checked against the body itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.refiners.box_inverse import BoxInverseRefiner
from crl.adaptation.refiners.inverse import InverseRefiner
from crl.adaptation.refiners.replan import ReplanRefiner
from crl.adaptation.refiners.tracking import TrackingRefiner
from tests.crl.adaptation import bodies
from tests.crl.adaptation.refiners.test_refiners import PLANS, observe
from tests.flow_settings import flow_config
from tests.oracles import unicycle

HALF = np.array(unicycle.ACTION.high, dtype=np.float32)
RIVALS = [InverseRefiner, BoxInverseRefiner, ReplanRefiner]


def rival(kind: type[TrackingRefiner], clipped: bool = True, **changes: object) -> TrackingRefiner:
    config = flow_config(field_hidden=[16], **changes)
    flow = ActionFlow(config, unicycle.ACTION, bodies.structured(config), bodies.calibration())
    return kind(flow, bodies.NOMINAL, clipped=clipped)


@pytest.mark.parametrize("kind", RIVALS)
def test_they_change_nothing_while_the_body_is_nominal(kind: type[TrackingRefiner]) -> None:
    ours = rival(kind)
    observe(ours, (1, 1), 20)
    for plan in PLANS:
        assert np.array_equal(ours.refine(plan), plan)
        assert torch.equal(ours.effect(torch.from_numpy(plan)), torch.from_numpy(plan))


@pytest.mark.parametrize("kind", [InverseRefiner, BoxInverseRefiner])
@pytest.mark.parametrize("gains", [(-1, 1), (2, -1), (-1.5, -2)])
def test_an_inverse_makes_the_body_do_what_was_planned(kind: type[TrackingRefiner], gains: tuple[float, float]) -> None:
    """All gains are at least 1 in magnitude, so that every plan can be attained."""
    ours = rival(kind)
    observe(ours, gains, 8)
    assert ours.regime.active
    for plan in PLANS:
        np.testing.assert_allclose(ours.refine(plan) * np.array(gains), plan, atol=0.03 * HALF.max())


def test_what_cant_be_attained_is_approached_inside_the_box() -> None:
    ours = rival(BoxInverseRefiner)
    observe(ours, (-0.5, 1), 12)
    assert ours.regime.active
    full = HALF * np.array([1, 0.3], np.float32)
    refined = ours.refine(full)
    assert refined[0] == pytest.approx(-HALF[0], rel=1e-3)  # half of what was asked for is all there is
    assert refined[1] == pytest.approx(full[1], abs=0.05)


@pytest.mark.parametrize("kind", [InverseRefiner, BoxInverseRefiner])
def test_corrections_are_bounded(kind: type[TrackingRefiner]) -> None:
    ours = rival(kind, tracking_max_correction=0.2)
    observe(ours, (-1, 1))
    changes = np.array([(ours.refine(plan) - plan) / HALF for plan in PLANS])
    assert np.abs(changes).max() == pytest.approx(0.2, rel=1e-3)


@pytest.mark.parametrize("kind", [InverseRefiner, BoxInverseRefiner])
def test_a_limit_keeps_refined_commands_small_and_planned_ones_as_they_are(kind: type[TrackingRefiner]) -> None:
    config = flow_config(field_hidden=[16])
    flow = ActionFlow(config, unicycle.ACTION, bodies.structured(config), bodies.calibration())
    gentle, free = (kind(flow, bodies.NOMINAL, limit=limit) for limit in (0.5, 1.0))
    full = HALF.copy()
    assert np.array_equal(gentle.refine(full), full)
    for ours in (gentle, free):
        observe(ours, (-1, 1), 8)
        assert ours.regime.active
    np.testing.assert_allclose(gentle.refine(full), [-0.5 * HALF[0], 0.5 * HALF[1]], rtol=1e-4)
    assert np.abs(free.refine(full) / HALF).max() > 0.9


def test_replanning_executes_the_plan_and_tells_the_planner_what_it_amounts_to() -> None:
    ours = rival(ReplanRefiner)
    observe(ours, (-1, 2), 8)
    assert ours.regime.active
    assert ours.authority() == unicycle.ACTION
    assert ours.reach() is None
    for plan in PLANS:
        assert np.array_equal(ours.refine(plan), plan)
    sequences = torch.from_numpy(PLANS).view(5, 4, 2)
    effect = ours.effect(sequences)
    assert effect.shape == sequences.shape
    np.testing.assert_allclose(effect.numpy(), PLANS.reshape(5, 4, 2) * np.array([-1, 2]), atol=0.06 * HALF.max())
    one = torch.from_numpy(PLANS[0])
    torch.testing.assert_close(ours.nominal_command(one), ours.effect(one))
