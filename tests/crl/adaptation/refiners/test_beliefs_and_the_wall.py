"""No belief lets a command past the wall, however wrong, imperfect or broken it is."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crl.adaptation.refiners.box_inverse import BoxInverseRefiner
from crl.adaptation.refiners.inverse import InverseRefiner
from crl.adaptation.refiners.replan import ReplanRefiner
from crl.adaptation.refiners.tracking import TrackingRefiner
from crl.adaptation.tracking.decision import Belief
from crl.adaptation.tracking.hypotheses import Faulty
from crl.safety.command_filter import CommandFilter
from tests.crl.adaptation.refiners.test_rivals import rival
from tests.oracles import unicycle

RIVALS = (InverseRefiner, BoxInverseRefiner, ReplanRefiner)
NUMBERS = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, -1.0, math.nan, math.inf, -math.inf])
PAIRS = st.tuples(NUMBERS, NUMBERS)
WALL = CommandFilter(unicycle.ACTION, (0.0, 0.0))


@pytest.mark.parametrize("kind", RIVALS)
@given(
    context=PAIRS, plan=st.tuples(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32)), model_error=st.floats(0, 1e9)
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_believed_commands_stay_inside_their_limits(
    kind: type[TrackingRefiner], context: tuple[float, float], plan: tuple[float, float], model_error: float
) -> None:
    ours = rival(kind)
    model = ours.tracker.belief.hypothesis._model
    ours.tracker.belief = Belief(Faulty(model, torch.tensor(context), 1.0), True, model_error=model_error)
    planned = (np.array(plan) * np.array(unicycle.ACTION.high)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refined = ours.refine(planned)
    assert np.isfinite(refined).all()
    low, high = np.array(unicycle.ACTION.low, np.float32), np.array(unicycle.ACTION.high, np.float32)
    assert ((low <= refined) & (refined <= high)).all()
    assert np.array_equal(WALL(refined).action, refined)  # the wall has nothing to do, and would do it


def test_an_unclipped_correction_meets_the_wall() -> None:
    ours = rival(InverseRefiner, clipped=False, field_box_scale=25.0)
    model = ours.tracker.belief.hypothesis._model
    ours.tracker.belief = Belief(Faulty(model, torch.tensor([-0.9, 0.0]), 1.0), True, model_error=5.0)
    refined = ours.refine(np.array([1.0, 0.0], np.float32))
    assert refined[0] > 5
    command = WALL(refined)
    assert command.action[0] == np.float32(unicycle.ACTION.high[0])
    assert command.reason == "an action outside its limits"
