"""Slow responses are told from gains and biases, and are nothing that is corrected."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.adaptation.authority import reachable_box
from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration, calibrate
from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.identification.identifier import Window
from crl.adaptation.identification.responses import Responses
from crl.adaptation.identification.structured import StructuredIdentifier
from crl.adaptation.nominal_model import NominalModel
from crl.adaptation.refiners.flow import FlowRefiner
from crl.types import ActionSpec
from tests.crl.adaptation.bodies import believe
from tests.flow_settings import flow_config

ACTION = ActionSpec(("thrust", "roll", "pitch"), ("g", "rad/s", "rad/s"), (0.2, -4.0, -4.0), (2.0, 4.0, 4.0))
BOX = Box.of(ACTION)
MEASURED = (-1, 0, 1)
CONFIG = flow_config(identification_structure="affine", field_hidden=[8])


def body(observation: Tensor, action: Tensor) -> Tensor:
    """A third of the way to the rates that are asked for, and a speed that grows with the thrust: [N, 3]."""
    return torch.cat([(action[:, 1:] - observation[:, :2]) / 3, action[:, :1] - 1], dim=-1)


def calibration() -> Calibration:
    noise = 0.01 * torch.randn(1000, 3, generator=torch.Generator().manual_seed(0))
    return calibrate(noise, torch.full((3,), 1e-4))


def identifier(measured: tuple[int, ...] = MEASURED) -> StructuredIdentifier:
    return StructuredIdentifier(CONFIG.identification, BOX, NominalModel(body, (), measured), calibration())


def window(gains: list[float], slowness: list[float], count: int = 12) -> Window:
    """Transitions of a body with these gains whose rates respond by so much less."""
    generator = torch.Generator().manual_seed(1)
    observation = 2 * torch.randn(count, 2, generator=generator)
    action = BOX.sample(count, generator)
    change = body(observation, action * torch.tensor(gains))
    change[:, :2] *= 1 - torch.tensor(slowness)
    return Window.of(observation, action, change + 0.01 * torch.randn(count, 3, generator=generator))


@pytest.mark.parametrize(
    ("gains", "slowness"),
    [
        ([1.0, 1.0, 1.0], [0.4, 0.4]),
        ([0.6, 1.0, 1.0], [0.4, 0.4]),
        ([1.0, 0.5, 1.0], [0.0, 0.0]),
        ([1.0, -1.0, 1.0], [0.0, 0.3]),
        ([1.0, 1.0, 1.0], [-0.3, 0.0]),
    ],
)
def test_a_slow_response_is_told_from_a_gain(gains: list[float], slowness: list[float]) -> None:
    ours = identifier()
    found = ours.identify(window(gains, slowness)).context[0]
    matrix = ours.channels.matrix(ours.parameters(found))
    torch.testing.assert_close(matrix, torch.diag(torch.tensor(gains)), atol=0.05, rtol=0)
    torch.testing.assert_close(found[ours.channels.size :], torch.tensor(slowness), atol=0.05, rtol=0)


def test_without_a_measurement_a_slow_response_is_mistaken_for_something_else() -> None:
    ours = identifier(())
    found = ours.identify(window([1.0, 1.0, 1.0], [0.4, 0.4])).context[0]
    assert float(found.abs().max()) > 0.2


def test_the_design_is_the_derivative() -> None:
    ours = Responses(MEASURED, BOX)
    generator = torch.Generator().manual_seed(2)
    observation, command = torch.randn(5, 2, generator=generator).double(), BOX.sample(5, generator).double()
    shown = torch.autograd.functional.jacobian(
        lambda w: ours.slowed(command, observation, w.expand(5, -1)) / BOX.half, torch.tensor([0.2, 0.1]).double()
    )
    torch.testing.assert_close(ours.design(command, observation), shown)


def test_nothing_measured_changes_nothing() -> None:
    ours = Responses((), BOX)
    command = BOX.sample(4, torch.Generator().manual_seed(3))
    assert ours.slowed(command, torch.zeros(4, 2), torch.zeros(4, 0)) is command
    assert ours.design(command, torch.zeros(4, 2)).shape == (4, 3, 0)


def test_a_body_that_is_only_slow_is_not_corrected() -> None:
    ours = identifier()
    flow = ActionFlow(CONFIG, ACTION, ours, calibration())
    refiner = FlowRefiner(flow, NominalModel(body, (), MEASURED))
    rng = np.random.default_rng(0)
    rates = torch.zeros(2)
    for _ in range(15):
        action = BOX.sample(1, torch.Generator().manual_seed(int(rng.integers(1 << 30))))
        change = body(rates.unsqueeze(0), action)[0]
        change[:2] *= 0.6
        refiner.observe(rates.clone(), action[0], change + 0.01 * torch.from_numpy(rng.normal(size=3)).float())
        rates = rates + change[:2]
    assert refiner.regime.active
    assert float(refiner.regime.context[ours.channels.size :].min()) > 0.3
    plan = np.array([1.2, 2.0, -3.0], dtype=np.float32)
    assert np.array_equal(refiner.refine(plan), plan)


def test_a_plan_asks_less_of_what_answers_late_and_of_what_shares_a_weak_actuator() -> None:
    ours = Responses(MEASURED, BOX)
    share = ours.usable_share(torch.tensor([0.4, -0.2]), torch.tensor([1.0, 2.0, 0.1]))
    # A slow rate; a quick one whose small gain is its own affair.
    torch.testing.assert_close(share, torch.tensor([1.0, 0.6, 1.0]))
    weak = ours.usable_share(torch.tensor([0.4, 0.0]), torch.tensor([0.5, 1.0, 1.0]))
    torch.testing.assert_close(weak, torch.tensor([1.0, 0.5, 0.5]))
    many = ours.usable_share(torch.zeros(4, 2), torch.ones(4, 3))
    torch.testing.assert_close(many, torch.ones(4, 3))
    for measured in ((), (0, 1, 2)):  # nobody else is served
        alone = Responses(measured, BOX)
        assert alone.sharing == []
        assert torch.equal(alone.usable_share(torch.full((alone.size,), 0.4), torch.full((3,), 0.1)), torch.ones(3))


@pytest.mark.parametrize(
    ("gains", "slowness", "high", "rates"),
    [
        ([1.0, 1.0, 1.0], [0.4, 0.0], 2.0, (2.4, 4.0)),
        ([0.6, 1.0, 1.0], [0.0, 0.0], 1.2, (2.4, 2.4)),
        ([1.0, -1.0, 1.0], [0.0, 0.0], 2.0, (4.0, 4.0)),
        ([0.1, 1.0, 1.0], [0.0, 0.0], 0.2, (1.0, 1.0)),  # never less than a quarter
    ],
)
def test_slow_and_weak_bodies_are_planned_in_a_smaller_box(
    gains: list[float], slowness: list[float], high: float, rates: tuple[float, float]
) -> None:
    ours = identifier()
    context = ours.context_of(torch.diag(torch.tensor(gains)))
    context[ours.channels.size :] = torch.tensor(slowness)
    reachable = reachable_box(ours, context, BOX)
    torch.testing.assert_close(reachable.high, torch.tensor([high, *rates]), atol=0.01, rtol=0)
    torch.testing.assert_close(reachable.low[1:], -torch.tensor(rates), atol=0.01, rtol=0)
    torch.testing.assert_close(reachable_box(ours, ours.nominal, BOX).high, BOX.high)


def test_a_body_that_nothing_explains_is_planned_for_with_care() -> None:
    """Its rates jump without a reason: half the range of what is fed back, all of the thrust."""
    refiner = FlowRefiner(ActionFlow(CONFIG, ACTION, identifier(), calibration()), NominalModel(body, (), MEASURED))
    assert refiner.authority() == ACTION
    generator = torch.Generator().manual_seed(4)
    for _ in range(20):
        action = BOX.sample(1, generator)
        observation = torch.randn(2, generator=generator)
        change = body(observation.unsqueeze(0), action)[0] + torch.randn(3, generator=generator)
        refiner.observe(observation, action[0], change)
    assert refiner.regime.off
    assert not refiner.regime.active
    careful = refiner.authority()
    np.testing.assert_allclose(careful.high, (2.0, 2.0, 2.0), rtol=1e-5)
    np.testing.assert_allclose(careful.low, (0.2, -2.0, -2.0), rtol=1e-5)
    blind = FlowRefiner(ActionFlow(CONFIG, ACTION, identifier(()), calibration()), NominalModel(body, ()))
    believe(blind.tracker, explains=False)
    assert blind.regime.off
    assert blind.authority() == ACTION
