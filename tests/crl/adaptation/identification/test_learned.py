"""The learned identifier: blind to order, told nothing of gains, and right about them within five steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.adaptation.identification.identifier import Window
from crl.adaptation.identification.learned import LearnedIdentifier
from crl.adaptation.identification.simulator import simulated_windows
from crl.adaptation.tracking.tracker import RegimeTracker
from crl.config.sections.flow import FlowConfig
from crl.errors import CrlError
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config
from tests.oracles import unicycle


def identifier(updates: int, structure: str = "gains") -> LearnedIdentifier:
    config = flow_config(identification_structure=structure)
    ours = LearnedIdentifier(config, bodies.BOX, bodies.NOMINAL, bodies.calibration())
    ours.train(bodies.simulator(config), updates)
    return ours


def test_the_order_of_the_window_does_not_matter_nor_does_padding() -> None:
    ours = identifier(2, "affine")
    config = flow_config(identification_structure="affine")
    simulator, generator = bodies.simulator(config), torch.Generator().manual_seed(0)
    window = simulated_windows(simulator, simulator.regimes(6, generator), 9, bodies.calibration(), generator)
    known = ours.identify(window)
    order = torch.randperm(9, generator=generator)
    parts = [part[:, order] for part in (window.observation, window.action, window.change, window.weight)]
    shuffled = ours.identify(Window(*parts))
    torch.testing.assert_close(shuffled.context, known.context, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(shuffled.confidence, known.confidence, atol=1e-4, rtol=1e-4)
    garbled = window.change + 5 * (1 - window.weight).unsqueeze(-1)
    padded = ours.identify(Window(window.observation, window.action, garbled, window.weight))
    torch.testing.assert_close(padded.context, known.context, atol=1e-4, rtol=1e-4)
    other = ours.identify(Window(window.observation, window.action, 2 * window.change, window.weight))
    assert float((other.context - known.context).abs().max()) > 1e-2  # it does look at the window


def test_the_nominal_context_leaves_commands_alone() -> None:
    ours = identifier(1)
    action = bodies.BOX.sample(5, torch.Generator().manual_seed(0))
    assert torch.equal(ours.effective(action, ours.nominal.expand(5, -1)), action)


def test_state_is_restored_and_checked() -> None:
    ours, other = identifier(2), identifier(1)
    other.load_state_dict(ours.state_dict())
    context = torch.randn(4, ours.size, generator=torch.Generator().manual_seed(0))
    assert torch.equal(ours.features(context), other.features(context))
    with pytest.raises(CrlError, match="does not fit a learned identifier"):
        other.load_state_dict(bodies.structured(FlowConfig()).state_dict())


@pytest.mark.slow
def test_published_gains_are_identified_within_five_steps() -> None:
    ours = identifier(600)
    for gains in unicycle.GAINS:
        for seed in range(3):
            tracker = RegimeTracker(FlowConfig().tracking, ours, bodies.NOMINAL, bodies.calibration(), bodies.BOX)
            rng = np.random.default_rng(seed)
            _, state = bodies.drive(tracker, (1, 1), 10, rng)
            regimes, _ = bodies.drive(tracker, gains, 20, rng, state, least=0.2)
            assert regimes[4].active, gains
            assert bodies.effect_error(tracker, regimes[4], gains) < 0.2, gains
