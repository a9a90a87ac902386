"""The flow conditioned as published: acts on the newest error alone, stays inside its limits, comes back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.adaptation.flow_matching.published_flow import PublishedFlow
from crl.adaptation.identification.simulator import ChannelRegimes
from crl.adaptation.refiners.base import Refiner
from crl.adaptation.refiners.published import THRESHOLD, PublishedRefiner
from crl.config.sections.flow import FlowConfig
from tests.crl.adaptation import bodies
from tests.crl.states import differences
from tests.flow_settings import flow_config
from tests.oracles import unicycle

CONFIG = flow_config(field_hidden=[48], field_regimes=512, field_updates=600, field_batch=256, field_lr=5e-3)
RNG = np.random.default_rng(0)
PLANS = (RNG.uniform(-1, 1, (20, 2)) * np.array(unicycle.ACTION.high)).astype(np.float32)
HALF = np.array(unicycle.ACTION.high, dtype=np.float32)


def fitted(config: FlowConfig = CONFIG, seed: int = 0) -> PublishedFlow:
    flow = PublishedFlow(config, unicycle.ACTION, bodies.SCALE, seed)
    ahead = torch.zeros(500, 3)  # axes of the heading, as an agent's body has them
    flow.fit(ChannelRegimes(config, bodies.NOMINAL, bodies.BOX, ahead, bodies.SCALE))
    return flow


@pytest.fixture(scope="module")
def flow() -> PublishedFlow:
    return fitted()


def observe(ours: Refiner, gains: tuple[float, float], action: np.ndarray) -> None:
    state = np.array([1.0, 2.0, 0.0], dtype=np.float32)
    ours.observe(*bodies.noted(state, action, unicycle.step(state, action, gains)))


def test_it_undoes_a_sign_for_the_action_in_its_condition_better_than_for_others(flow: PublishedFlow) -> None:
    """It was trained with its start in its condition; in use the two differ, and that is what is wrong with it."""
    action = bodies.BOX.sample(300, torch.Generator().manual_seed(1))
    action = action[((action / bodies.BOX.half).abs() > 0.4).all(dim=1)]
    other = action.flip(0)
    gains = torch.tensor([-1.0, 1.0])

    def error(condition: torch.Tensor) -> float:
        at = torch.zeros(len(action), 3)
        seen = unicycle.nominal(at, gains * condition) - unicycle.nominal(at, condition)
        refined = flow.refine(action, condition, seen)
        return float(((refined - gains * action) / bodies.BOX.half).abs().mean())

    nothing = float(((action - gains * action) / bodies.BOX.half).abs().mean())
    assert error(action) < 0.7 * nothing
    assert error(other) > 1.2 * error(action)


def test_it_acts_only_after_an_error_above_the_threshold(flow: PublishedFlow) -> None:
    ours = PublishedRefiner(flow, bodies.NOMINAL)
    assert isinstance(ours, Refiner)
    assert np.array_equal(ours.refine(PLANS[0]), PLANS[0])
    small = np.array([0.1 * THRESHOLD, 0.0], dtype=np.float32)
    for gains, action in (((1.0, 1.0), PLANS[1]), ((-1.0, 1.0), small)):
        observe(ours, gains, action)
        refined = ours.refine(PLANS[0])
        assert np.array_equal(refined, PLANS[0])
        assert refined is not PLANS[0]
    observe(ours, (-1.0, 1.0), np.array([0.9, 0.3], dtype=np.float32))
    assert not np.allclose(ours.refine(PLANS[0]), PLANS[0], atol=1e-3)
    # There is no window: the newest transition is all it knows.
    observe(ours, (1.0, 1.0), PLANS[1])
    assert np.array_equal(ours.refine(PLANS[0]), PLANS[0])


def test_a_new_mission_forgets(flow: PublishedFlow) -> None:
    ours = PublishedRefiner(flow, bodies.NOMINAL)
    observe(ours, (-1.0, 1.0), np.array([0.9, 0.3], dtype=np.float32))
    ours.begin()
    assert np.array_equal(ours.refine(PLANS[0]), PLANS[0])
    command = torch.tensor([0.3, -0.2])
    assert torch.equal(ours.nominal_command(command), command)
    assert ours.authority() == unicycle.ACTION


@pytest.mark.parametrize("clipped", [True, False])
def test_refined_actions_are_inside_their_limits_and_finite(clipped: bool) -> None:
    flow = PublishedFlow(flow_config(field_hidden=[8], field_box_scale=3.0), unicycle.ACTION, bodies.SCALE)
    flow.field.weights = 3 * flow.field.network.initial(torch.Generator().manual_seed(0))
    ours = PublishedRefiner(flow, bodies.NOMINAL, clipped=clipped)
    observe(ours, (-1.0, 1.0), np.array([0.9, 0.3], dtype=np.float32))
    refined = np.abs([ours.refine(plan) for plan in PLANS]) / HALF
    assert refined.max() <= (1 if clipped else 3) + 1e-5
    assert refined.max() > (0.999 if clipped else 1.2)
    flow.field.weights = torch.full_like(flow.field.weights, torch.nan)
    assert np.array_equal(ours.refine(PLANS[0]), PLANS[0])


def test_flow_and_refiner_come_back_to_the_bit(flow: PublishedFlow) -> None:
    again = PublishedFlow.from_state(CONFIG, unicycle.ACTION, flow.state_dict())
    first, second = PublishedRefiner(flow, bodies.NOMINAL), PublishedRefiner(again, bodies.NOMINAL)
    assert second.state_dict() == {"newest": None}
    observe(first, (2.0, -1.0), np.array([0.9, 0.3], dtype=np.float32))
    second.load_state_dict(first.state_dict())
    assert all(np.array_equal(first.refine(plan), second.refine(plan)) for plan in PLANS)
    second.load_state_dict({"newest": None})
    assert np.array_equal(second.refine(PLANS[0]), PLANS[0])


def test_a_fit_is_a_function_of_its_seed() -> None:
    small = flow_config(field_hidden=[8], field_regimes=32, field_updates=10, field_batch=16)
    assert differences(fitted(small).state_dict(), fitted(small).state_dict()) == []
    assert differences(fitted(small).state_dict(), fitted(small, seed=1).state_dict()) != []
