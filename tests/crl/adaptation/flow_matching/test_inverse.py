"""Where the flow begins: the undoing of known channels, exact where there is authority, nothing where there is none."""

from __future__ import annotations

import pytest
import torch

from crl.adaptation.box import Box
from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.flow_matching.training import simulate_pairs
from crl.adaptation.flow_matching.velocity_field import VelocityField
from crl.adaptation.identification.channels import DAMPING, STRUCTURES, Channels
from crl.adaptation.identification.identifier import Identifier
from crl.types import ActionSpec
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config
from tests.oracles import unicycle

BOX = Box.of(ActionSpec(("v", "w", "u"), ("1", "1", "1"), (-1.0, -2.0, -0.5), (1.0, 2.0, 0.5)))
ACTIONS = BOX.sample(200, torch.Generator().manual_seed(0)).double()
MATRIX = torch.tensor([[-1.5, 0.4, 0.0], [0.2, 0.8, -0.3], [0.5, 0.0, 2.0]], dtype=torch.float64)
BIAS = torch.tensor([0.2, -0.4, 0.1], dtype=torch.float64)


def parameters(channels: Channels, matrix: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    parts = [matrix.flatten() if channels.full else matrix.diagonal()]
    return torch.cat([*parts, *([bias] if channels.biased else [])])


@pytest.mark.parametrize("structure", STRUCTURES)
def test_undoing_is_the_inverse_where_gains_are_large(structure: str) -> None:
    channels = Channels(structure, BOX)
    known = parameters(channels, MATRIX, BIAS).expand(len(ACTIONS), -1)
    done = channels.effective(channels.inverse_command(ACTIONS, known), known)
    # The damping leaves (0.02 / least singular value)^2 of what is wanted, bias included.
    error = ((done - ACTIONS) / BOX.half).abs().max()
    assert float(error) < 2.5 * (DAMPING / 0.7) ** 2
    exact = channels.inverse_command(ACTIONS, channels.nominal.expand(len(ACTIONS), -1))
    assert float(((exact - ACTIONS) / BOX.half).abs().max()) < 2 * DAMPING**2


@pytest.mark.parametrize("structure", ["gains", "gains_bias", "matrix", "affine"])
def test_dead_channels_get_nothing_and_no_gain_more_than_the_damping_allows(structure: str) -> None:
    channels = Channels(structure, BOX)
    for gain in (0.0, 1e-6, 1e-3, DAMPING, 0.1, 1.0):
        matrix = torch.diag(torch.tensor([1.0, gain, 1.0], dtype=torch.float64))
        known = parameters(channels, matrix, 0 * BIAS).expand(len(ACTIONS), -1)
        undone = channels.inverse_command(ACTIONS, known)
        factor = gain / (gain**2 + DAMPING**2)
        torch.testing.assert_close(undone[:, 1], factor * ACTIONS[:, 1], rtol=1e-6, atol=1e-9)
        assert factor <= 1 / (2 * DAMPING) + 1e-12
        torch.testing.assert_close(undone[:, 0], ACTIONS[:, 0] / (1 + DAMPING**2))


def test_an_untrained_field_is_its_guess() -> None:
    field = VelocityField(3, 5, [16], torch.Generator().manual_seed(0))
    source = torch.Generator().manual_seed(1)
    time, point, action, guess = (torch.rand(7, n, generator=source) for n in (1, 3, 3, 3))
    features = torch.randn(7, 5, generator=source)
    velocity = field.velocity(field.weights, time, point, action, guess, features)
    torch.testing.assert_close(velocity, guess - action)
    folded = field.conditioned(action, guess, features)(torch.tensor(0.3), point)
    torch.testing.assert_close(folded, guess - action)


@pytest.mark.parametrize("gains", [(-1.0, 2.0), (1.0, -0.5), (-2.0, -1.0)])
def test_an_untrained_flow_undoes_channels_that_are_not_coupled(gains: tuple[float, float]) -> None:
    config = flow_config(field_hidden=[16])
    identifier = bodies.structured(config)
    flow = ActionFlow(config, unicycle.ACTION, identifier, bodies.calibration())
    context = identifier.context_of(torch.diag(torch.tensor(gains))).expand(50, -1)
    planned = 0.4 * bodies.BOX.sample(50, torch.Generator().manual_seed(2))
    refined = flow.refine(planned, context)
    expected = bodies.BOX.clip(planned / torch.tensor(gains))
    torch.testing.assert_close(refined, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("wide", [1.0, 10.0])
def test_guesses_of_the_training_pairs_are_inside_the_box_that_commands_may_use(wide: float) -> None:
    config = flow_config(field_regimes=64, field_actions=4, field_box_scale=wide)
    identifier, simulator = bodies.structured(config), bodies.simulator(config)
    assert isinstance(identifier, Identifier)
    pairs = simulate_pairs(simulator, identifier, bodies.calibration(), config, seed=1)
    assert pairs.guess.shape == pairs.start.shape == pairs.target.shape == (64, 4, 2)
    guess = bodies.BOX.from_flow(pairs.guess) / bodies.BOX.half
    assert float(guess.abs().max()) <= wide + 1e-4
    assert float(guess.abs().max()) > 0.99 * min(wide, 5)
    # They are good: most of the way to the target that the physics asks for.
    gone = (pairs.guess - pairs.target).square().mean()
    assert float(gone) < 0.05 * float((pairs.start - pairs.target).square().mean())
