"""The identifier without a structure: what its bodies do, what it finds of them, and its searched inverse."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from crl.adaptation.identification.broad import BroadRegimes
from crl.adaptation.identification.learned import LearnedIdentifier
from crl.adaptation.identification.simulator import simulated_windows
from crl.adaptation.identification.unstructured import UnstructuredIdentifier
from crl.config.sections.flow import FlowConfig
from crl.errors import CrlError
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config

CONFIG = flow_config(encoder_hidden=[64, 64], encoder_context=8, encoder_batch=48, field_lr=3e-3)


def broad(config: FlowConfig = CONFIG) -> BroadRegimes:
    ahead = torch.zeros(50, 3)
    return BroadRegimes(config, bodies.NOMINAL, bodies.BOX, ahead, bodies.SCALE)


def regime(dead: float = 0.0, power: float = 1.0, stall: float = 1.0, gain: float = 1.0) -> Tensor:
    return torch.tensor([[gain, gain, dead, dead, power, power, stall, stall]])


def shares(simulator: BroadRegimes, under: Tensor, values: list[float]) -> Tensor:
    """Effects of shares of the half range on the first channel."""
    action = torch.tensor([[value, 0.0] for value in values]) * bodies.BOX.half
    return (simulator.effective(action, under.expand(len(values), -1)) / bodies.BOX.half)[:, 0]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({"dead": 0.3}, [0.0, 0.2, 0.7, -0.2]),
        ({"power": 2.0}, [0.04, 0.25, 1.0, -0.25]),
        ({"stall": 0.5}, [0.2, 0.5, 0.1, -0.5]),
        ({"dead": 0.3, "gain": -2.0}, [0.0, -0.4, -1.4, 0.4]),
        ({}, [0.2, 0.5, 1.0, -0.5]),
    ],
)
def test_shapes_of_channels_are_those_that_the_module_states(shape: dict[str, float], expected: list[float]) -> None:
    found = shares(broad(), regime(**shape), [0.2, 0.5, 1.0, -0.5])
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=0)


def test_most_drawn_bodies_have_a_channel_that_is_not_linear() -> None:
    drawn = broad().regimes(400, torch.Generator().manual_seed(0))
    dead, power, stall = drawn[:, 2:].split(2, dim=-1)
    shaped = ((dead > 0) | (power != 1) | (stall < 1)).any(dim=-1).float().mean()
    assert 0.7 < float(shaped) < 1
    assert float(dead.max()) <= 0.4
    assert float(stall.min()) >= 0.4


@pytest.fixture(scope="module")
def trained() -> UnstructuredIdentifier:
    ours = UnstructuredIdentifier(CONFIG, bodies.BOX, bodies.NOMINAL, bodies.calibration())
    ours.train(broad(), 250)
    return ours


def test_it_predicts_other_transitions_of_bodies_that_are_not_linear(trained: UnstructuredIdentifier) -> None:
    """Better than taking them for nominal, after a second or two of training (without it, it is worse)."""
    simulator, generator = broad(), torch.Generator().manual_seed(5)
    under = simulator.regimes(200, generator)
    window = simulated_windows(simulator, under, 15, bodies.calibration(), generator)
    context = trained.identify(window).context
    action = bodies.BOX.sample(200, generator)
    truth = simulator.effective(action, under)

    def missed(found: Tensor) -> float:
        return float(((found - truth) / bodies.BOX.half).abs().clamp(max=3).mean())

    assert missed(trained.effective(action, context)) < 0.75 * missed(action)


def test_the_searched_inverse_is_the_nearest_command_that_has_the_effect(trained: UnstructuredIdentifier) -> None:
    """Against all commands of a fine grid, one by one."""
    generator = torch.Generator().manual_seed(6)
    context = torch.randn(4, trained.size, generator=generator)
    axis = torch.linspace(-1, 1, 101)
    fine = torch.cartesian_prod(axis, axis) * bodies.BOX.half
    wanted = bodies.BOX.sample(4, generator)
    found = trained.inverse_command(wanted, context)
    assert bool((found == bodies.BOX.clip(found)).all())
    for row in range(4):
        code = context[row]

        def missed(tried: Tensor, goal: Tensor = wanted[row], code: Tensor = code) -> Tensor:
            effect = trained.effective(tried, code.expand(len(tried), -1))
            return ((effect - goal) / bodies.BOX.half).square().sum(dim=-1)

        assert float(missed(found[row][None])) <= float(missed(fine).min()) + 0.02


def test_it_has_no_affine_trend_and_refuses_the_weights_of_one_that_has(trained: UnstructuredIdentifier) -> None:
    context = torch.randn(3, trained.size, generator=torch.Generator().manual_seed(0))
    assert torch.equal(trained.features(context), torch.asinh(context))
    assert len(trained.state_dict()["weights"]) == 3
    again = UnstructuredIdentifier(CONFIG, bodies.BOX, bodies.NOMINAL, bodies.calibration(), seed=4)
    again.load_state_dict(trained.state_dict())
    action = bodies.BOX.sample(3, torch.Generator().manual_seed(1))
    assert torch.equal(again.effective(action, context), trained.effective(action, context))
    other = LearnedIdentifier(CONFIG, bodies.BOX, bodies.NOMINAL, bodies.calibration())
    with pytest.raises(CrlError, match="unstructured"):
        again.load_state_dict(other.state_dict())
