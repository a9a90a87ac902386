"""What is kept of transitions that have left the window: as good as having them there, and gone with their regime."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from crl.adaptation.identification.identifier import Information
from crl.adaptation.identification.structured import StructuredIdentifier
from crl.adaptation.identification.transitions import Window
from crl.adaptation.tracking.tracker import RegimeTracker
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config
from tests.oracles import unicycle

MEMORY = 150
MATRIX = torch.tensor([[0.7, -0.7], [0.7, 0.7]])


def transitions(count: int, seed: int, spread: float = 1.0) -> Window:
    """Transitions of a body whose axes are turned by 45 degrees, with the unicycle's noise."""
    generator = torch.Generator().manual_seed(seed)
    action = spread * bodies.BOX.sample(count, generator)
    observation = bodies.simulator(flow_config(identification_structure="matrix")).observations(count, generator)
    command = bodies.BOX.half * ((action / bodies.BOX.half) @ MATRIX.mT)
    noise = unicycle.NOISE * torch.randn(count, 3, generator=generator)
    return Window.of(observation, action, unicycle.nominal(observation, command) + noise)


def told(ours: StructuredIdentifier, window: Window) -> Information:
    """What all transitions of a window say together."""
    known = ours.identify(window).information
    assert known is not None
    return functools.reduce(Information.plus, [known.of(row) for row in range(window.weight.shape[1])])


def test_a_window_and_what_is_known_beside_it_are_one_window() -> None:
    """Of a body that is linear in its command the normal equations are the same wherever they are taken."""
    ours = bodies.structured(flow_config(identification_structure="matrix"))
    first, rest = transitions(20, 0), transitions(10, 1, spread=0.01)
    parts = zip(vars(first).values(), vars(rest).values(), strict=True)
    whole = ours.identify(Window(*(torch.cat(pair, dim=1) for pair in parts)))
    known = told(ours, first)
    assert known.steps == 20
    for start in (None, whole.context[0]):
        split = ours.identify(rest, start, known)
        torch.testing.assert_close(split.context, whole.context, atol=2e-3, rtol=0)
        torch.testing.assert_close(split.confidence, whole.confidence, atol=1e-3, rtol=0)
    alone = ours.identify(rest)
    assert float((alone.context - whole.context).abs().max()) > 0.02


def test_half_of_what_is_known_is_worth_half_of_its_transitions() -> None:
    ours = bodies.structured(flow_config(identification_structure="matrix"))
    window = transitions(15, 1)
    twice = Window(*(torch.cat([each, each], dim=1) for each in vars(window).values()))
    faded = told(ours, twice).faded(0.5)
    assert faded.steps == 15
    torch.testing.assert_close(faded.matrix, told(ours, window).matrix, rtol=0.02, atol=1e-3)


def _tracker() -> RegimeTracker:
    config = flow_config(identification_structure="matrix", tracking_memory=MEMORY)
    return RegimeTracker(config.tracking, bodies.structured(config), bodies.NOMINAL, bodies.calibration(), bodies.BOX)


def _fly(ours: RegimeTracker, window: Window) -> None:
    for row in zip(window.observation[0], window.action[0], window.change[0], strict=True):
        ours.observe(*row)


@pytest.mark.parametrize("seed", range(3))
def test_a_regime_is_known_the_better_the_longer_it_lasts(seed: int) -> None:
    """Small commands show a coupling badly; ten windows of them show it three times as well as one."""
    ours = _tracker()
    _fly(ours, transitions(15, seed))
    errors = []
    for count in range(2):
        found = []
        for step in range(20):
            _fly(ours, transitions(10, 100 * seed + 20 * count + step, spread=0.1))
            assert ours.regime.active
            said = ours.identifier.channels.matrix(ours.identifier.parameters(ours.regime.context))  # type: ignore[attr-defined]
            found.append(float((said - MATRIX).square().mean().sqrt()))
        errors.append(float(np.mean(found)))
    assert errors[1] < 0.02
    assert ours.belief.hypothesis.information is not None
    assert ours.belief.hypothesis.information.steps <= MEMORY


def test_with_a_regime_goes_what_is_known_of_it() -> None:
    ours = _tracker()
    _fly(ours, transitions(60, 0))
    assert ours.belief.hypothesis.information is not None
    regimes, _ = bodies.drive(ours, (1, 1), 10, np.random.default_rng(0))
    assert not regimes[-1].active
    assert ours.belief.hypothesis.information is None


def test_a_fault_that_has_not_ended_is_known_again_at_once() -> None:
    """For some steps the nominal body explains more; soon after, what was known counts again, and costs no trust."""
    ours = _tracker()
    _fly(ours, transitions(60, 0))
    context, known = ours.regime.context, ours.belief.hypothesis.information
    assert known is not None
    bodies.drive(ours, (1, 1), 5, np.random.default_rng(0))
    assert not ours.regime.off
    alarms = len(ours._alarms.backoff.state_dict()["alarms"])
    _fly(ours, transitions(3, 1))
    assert ours.regime.active
    torch.testing.assert_close(ours.regime.context, context, atol=2e-3, rtol=0)
    assert ours.belief.hypothesis.information is not None
    assert ours.belief.hypothesis.information.steps == pytest.approx(known.steps, abs=3)
    assert len(ours._alarms.backoff.state_dict()["alarms"]) < alarms


def test_an_end_of_a_fault_that_was_one_is_not_doubted_for_ever() -> None:
    ours = _tracker()
    _fly(ours, transitions(60, 0))
    bodies.drive(ours, (1, 1), 3 * ours.config.window, np.random.default_rng(0))
    assert not ours.regime.off
    assert ours.belief.aside is None


def test_only_a_context_that_predicted_well_is_thought_of_again() -> None:
    """What has been fitted to its transitions proves nothing: a window holds them all."""
    ours = _tracker()
    _fly(ours, transitions(10, 0))
    assert ours.regime.active
    bodies.drive(ours, (1, 1), 5, np.random.default_rng(0))
    assert ours.belief.aside is None
    _fly(ours, transitions(60, 0))
    bodies.drive(ours, (1, 1), 5, np.random.default_rng(0))
    assert ours.belief.aside is not None


def test_a_tracker_is_restored_with_what_it_knows() -> None:
    first, second = _tracker(), _tracker()
    _fly(first, transitions(60, 0))
    second.load_state_dict(first.state_dict())
    following = transitions(20, 1)
    for ours in (first, second):
        _fly(ours, following)
    assert torch.equal(first.regime.context, second.regime.context)
    assert first.belief.hypothesis.information is not None
    assert second.belief.hypothesis.information is not None
    assert torch.equal(first.belief.hypothesis.information.matrix, second.belief.hypothesis.information.matrix)
