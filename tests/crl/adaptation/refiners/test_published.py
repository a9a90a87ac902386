"""The flow as published: a probe makes its regime, which it holds until plans fail; it keeps to limits, comes back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.adaptation.flow_matching.published_flow import PublishedFlow
from crl.adaptation.identification.simulator import ChannelRegimes
from crl.adaptation.refiners.base import Refiner
from crl.adaptation.refiners.published import THRESHOLD, Phase, PublishedRefiner
from crl.config.sections.flow import FlowConfig
from tests.crl.adaptation import bodies
from tests.crl.states import differences
from tests.flow_settings import flow_config
from tests.oracles import unicycle

CONFIG = flow_config(
    field_hidden=[48], field_regimes=512, field_actions=1, field_updates=600, field_batch=256, field_lr=5e-3
)
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


LARGE = np.array([0.9, 0.3], dtype=np.float32)
SMALL = np.array([0.1 * THRESHOLD, 0.0], dtype=np.float32)


def act(ours: Refiner, gains: tuple[float, float], planned: np.ndarray) -> np.ndarray:
    """Execute what the refiner makes of a planned action, with a body of these gains."""
    state = np.array([1.0, 2.0, 0.0], dtype=np.float32)
    executed = ours.refine(planned)
    ours.observe(*bodies.noted(state, executed, unicycle.step(state, executed, gains)))
    return executed


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


def test_a_misaligned_plan_is_followed_by_a_raw_probe_whose_error_is_the_regime(flow: PublishedFlow) -> None:
    ours = PublishedRefiner(flow, bodies.NOMINAL)
    for gains, plan in (((1.0, 1.0), PLANS[1]), ((-1.0, 1.0), SMALL)):
        assert np.array_equal(act(ours, gains, plan), plan)
        assert ours.phase is Phase.HOLDING
    act(ours, (-1.0, 1.0), LARGE)
    assert ours.phase is Phase.PROBING
    probe = PLANS[2] + np.float32(0.05)
    assert np.array_equal(act(ours, (-1.0, 1.0), probe), probe)
    held = ours.state_dict()["held"]
    state = torch.zeros(1, 3)
    assert torch.equal(held[0][0], torch.from_numpy(probe))
    planned = torch.from_numpy(probe[None])
    error = unicycle.nominal(state, torch.tensor([-1.0, 1.0]) * planned) - unicycle.nominal(state, planned)
    torch.testing.assert_close(held[1].norm(), error.norm(), rtol=1e-3, atol=1e-5)
    assert not np.allclose(ours.refine(PLANS[0]), PLANS[0], atol=1e-3)


def test_a_regime_is_held_while_plans_come_true_and_is_given_up_when_they_fail(flow: PublishedFlow) -> None:
    ours = PublishedRefiner(flow, bodies.NOMINAL)
    held = torch.tensor([[0.9, 0.3]]), torch.tensor([[-0.36, 0.0, 0.0]])
    ours.load_state_dict({"phase": "holding", "held": held, "planned": None})
    at = torch.zeros(3)
    for plan in PLANS[:3]:  # what was planned comes true, whatever was executed for it
        ours.refine(plan)
        ours.observe(at, torch.zeros(2), bodies.NOMINAL(at.unsqueeze(0), torch.from_numpy(plan[None]))[0])
        assert ours.phase is Phase.HOLDING
    assert ours.state_dict()["held"] is not None
    ours.refine(PLANS[0])
    ours.observe(at, torch.from_numpy(PLANS[0]), torch.tensor([3.0, 3.0, 0.0]))
    assert ours.phase is Phase.PROBING
    act(ours, (1.0, 1.0), PLANS[1])
    assert ours.state_dict()["held"] is None  # the probe came out as the model says: nominal again
    assert np.array_equal(ours.refine(PLANS[0]), PLANS[0])


def test_plans_are_compared_with_the_planners_model_as_it_is_now(flow: PublishedFlow) -> None:
    ours = PublishedRefiner(flow, bodies.NOMINAL)
    ours.plans_with(lambda seen, action: bodies.NOMINAL(seen, action * torch.tensor([-1.0, 1.0])))
    act(ours, (-1.0, 1.0), LARGE)
    assert ours.phase is Phase.HOLDING
    act(ours, (1.0, 1.0), LARGE)
    assert ours.phase is Phase.PROBING


def test_a_new_mission_forgets(flow: PublishedFlow) -> None:
    ours = PublishedRefiner(flow, bodies.NOMINAL)
    act(ours, (-1.0, 1.0), LARGE)
    act(ours, (-1.0, 1.0), LARGE)
    act(ours, (-1.0, 1.0), LARGE)
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
    act(ours, (-1.0, 1.0), LARGE)
    act(ours, (-1.0, 1.0), LARGE)
    refined = np.abs([ours.refine(plan) for plan in PLANS]) / HALF
    assert refined.max() <= (1 if clipped else 3) + 1e-5
    assert refined.max() > (0.999 if clipped else 1.2)
    flow.field.weights = torch.full_like(flow.field.weights, torch.nan)
    assert np.array_equal(ours.refine(PLANS[0]), PLANS[0])


def test_flow_and_refiner_come_back_to_the_bit(flow: PublishedFlow) -> None:
    again = PublishedFlow.from_state(CONFIG, unicycle.ACTION, flow.state_dict())
    first, second = PublishedRefiner(flow, bodies.NOMINAL), PublishedRefiner(again, bodies.NOMINAL)
    assert second.state_dict() == {"phase": "holding", "held": None, "planned": None}
    act(first, (2.0, -1.0), LARGE)
    act(first, (2.0, -1.0), LARGE)
    second.load_state_dict(first.state_dict())
    assert differences(first.state_dict(), second.state_dict()) == []
    assert all(np.array_equal(first.refine(plan), second.refine(plan)) for plan in PLANS)
    assert not np.array_equal(second.refine(PLANS[0]), PLANS[0])


def test_a_fit_is_a_function_of_its_seed() -> None:
    small = flow_config(field_hidden=[8], field_regimes=8, field_actions=4, field_updates=10, field_batch=16)
    assert differences(fitted(small).state_dict(), fitted(small).state_dict()) == []
    assert differences(fitted(small).state_dict(), fitted(small, seed=1).state_dict()) != []
