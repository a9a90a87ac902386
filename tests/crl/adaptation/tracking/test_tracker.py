"""Regimes of the unicycle: found in time, exactly, not when there are none, and given up when they end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.adaptation.identification.channels import STRUCTURES
from crl.adaptation.identification.identifier import Estimate, Information
from crl.adaptation.identification.structured import StructuredIdentifier
from crl.adaptation.identification.transitions import Window
from crl.adaptation.tracking.alarms import OLD
from crl.adaptation.tracking.regime import Regime
from crl.adaptation.tracking.tracker import RegimeTracker
from crl.config.sections.flow import FlowConfig
from crl.errors import CrlError
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config
from tests.oracles import unicycle


def tracker(structure: str = "gains", **changes: object) -> RegimeTracker:
    config = flow_config(identification_structure=structure, **changes)
    return RegimeTracker(config.tracking, bodies.structured(config), bodies.NOMINAL, bodies.calibration(), bodies.BOX)


@pytest.mark.parametrize("gains", unicycle.GAINS)
def test_published_gains_are_identified_within_three_steps_and_their_end_too(gains: tuple[float, float]) -> None:
    for seed in range(2):
        rng, ours = np.random.default_rng(seed), tracker()
        regimes, state = bodies.drive(ours, (1, 1), 30, rng)
        assert not any(regime.active for regime in regimes)
        regimes, state = bodies.drive(ours, gains, 20, rng, state)
        assert all(regime.active for regime in regimes[2:])
        assert bodies.effect_error(ours, regimes[2], gains) < 0.01
        assert bodies.effect_error(ours, regimes[-1], gains) < 0.002
        regimes, _ = bodies.drive(ours, (1, 1), 10, rng, state)
        assert not any(regime.active for regime in regimes[3:])


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_structure_finds_gains(structure: str) -> None:
    rng, ours = np.random.default_rng(1), tracker(structure)
    regimes, _ = bodies.drive(ours, (-1.0, 2.0), 20, rng)
    assert regimes[-1].active
    assert bodies.effect_error(ours, regimes[-1], (-1.0, 2.0)) < 0.01


def test_a_coupled_body_with_a_bias_is_identified() -> None:
    """One side of a ground vehicle reversed mixes both channels; only a full matrix can say so."""
    config = flow_config(identification_structure="affine")
    ours = bodies.structured(config)
    generator = torch.Generator().manual_seed(0)
    matrix, bias = torch.tensor([[0.1, 0.8], [0.7, -0.2]]), torch.tensor([0.1, -0.2])
    action = bodies.BOX.sample(12, generator)
    observation = bodies.simulator(config).observations(12, generator)
    command = bodies.BOX.half * ((action / bodies.BOX.half) @ matrix.mT + bias)
    estimate = ours.identify(Window.of(observation, action, unicycle.nominal(observation, command)))
    torch.testing.assert_close(estimate.context[0], ours.context_of(matrix, bias), atol=0.01, rtol=0)
    assert float(estimate.confidence) > 0.95


@pytest.mark.parametrize("steps", [1000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_nominal_steps_raise_no_false_alarm(steps: int) -> None:
    ours = tracker()
    regimes, _ = bodies.drive(ours, (1, 1), steps, np.random.default_rng(0), least=0.0)
    assert regimes[-1].changes <= steps // 10_000


def test_a_channel_without_commands_stays_nominal_until_it_is_used() -> None:
    config = FlowConfig()
    ours = bodies.structured(config)
    action = torch.tensor([[0.8, 0.0], [-0.5, 0.0]])
    observation = torch.tensor([[0.0, 0.0, 0.3], [0.0, 0.0, 2.0]])
    change = unicycle.nominal(observation, action * torch.tensor([-1.0, -1.0]))
    estimate = ours.identify(Window.of(observation, action, change))
    torch.testing.assert_close(estimate.context[0], torch.tensor([-2.0, 0.0]), atol=0.01, rtol=0)
    assert float(estimate.confidence) > 0.9  # of the one gain that there is reason to change


def test_a_fault_that_the_structure_cannot_express_is_not_acted_upon() -> None:
    """The robot is pushed sideways: no gain explains it, so nothing is corrected."""
    ours, rng = tracker(), np.random.default_rng(0)
    for _ in range(40):
        action = torch.tensor(rng.uniform(0.3, 1, 2), dtype=torch.float32)
        observation = torch.tensor([0.0, 0.0, float(rng.uniform(-3, 3))])
        heading = observation[2]
        change = unicycle.nominal(observation.unsqueeze(0), action.unsqueeze(0))[0]
        push = 0.1 * torch.stack([-heading.sin(), heading.cos(), torch.zeros(())])
        regime = ours.observe(observation, action, change + push)
    assert regime.changes > 0
    assert not regime.active


def test_alarms_cost_no_trust() -> None:
    """Regimes that change every few steps raise many alarms; each is corrected, since its context predicts well."""
    rng, ours, state = np.random.default_rng(2), tracker(), None
    for turn in range(16):
        gains = (-1.0, 1.0) if turn % 2 else (1.0, -1.0)
        regimes, state = bodies.drive(ours, gains, 8, rng, state)
        assert all(regime.active for regime in regimes[-3:])
    assert regimes[-1].changes >= 15
    assert not ours.trust.lost


def test_contexts_that_predict_badly_lose_trust_and_are_not_acted_upon_until_one_predicts_well() -> None:
    ours = tracker()
    _, state = bodies.drive(ours, (-1.0, 2.0), 10, np.random.default_rng(0))
    assert ours.regime.active
    right = ours.regime.context
    rng = np.random.default_rng(1)
    for _ in range(20):  # put back in force, however often an alarm takes it away
        bodies.believe(ours, -right)
        _, state = bodies.drive(ours, (-1.0, 2.0), 1, rng, state)
    assert ours.trust.lost
    assert not ours.regime.active
    regimes, _ = bodies.drive(ours, (-1.0, 2.0), 20, rng, state)
    assert not regimes[1].active
    assert regimes[-1].active


def dead(action: np.ndarray, width: float) -> np.ndarray:
    """What a dead zone leaves of a command, by its definition."""
    half = np.array(unicycle.ACTION.high)
    return np.sign(action) * np.maximum(np.abs(action) - width * half, 0)


def imperfect(ours: RegimeTracker, steps: int, seed: int = 0, width: float = 0.3) -> list[Regime]:
    """Drive a body with a turned sign and a dead zone, at commands of any size."""
    rng, state = np.random.default_rng(seed), np.array([3.0, -4.0, 3.1], np.float32)
    regimes = []
    for _ in range(steps):
        action = (rng.uniform(-1, 1, 2) * np.array(unicycle.ACTION.high)).astype(np.float32)
        after = unicycle.step(state, dead(action, width), (1.0, -1.0), rng.normal(size=3))
        regimes.append(ours.observe(*bodies.noted(state, action, after)))
        state = after
    return regimes


@pytest.mark.parametrize("seed", range(3))
def test_a_turned_sign_with_a_dead_zone_is_corrected_though_no_gain_explains_it(seed: int) -> None:
    ours = tracker()
    regimes = imperfect(ours, 80, seed)
    assert np.mean([regime.active for regime in regimes[10:]]) > 0.9
    assert float(ours.regime.context[1]) < -1.2  # a gain below zero, less than 1 in magnitude
    assert ours.belief.model_error > 0
    regimes, _ = bodies.drive(ours, (1.0, 1.0), 20, np.random.default_rng(seed))
    assert not regimes[-1].off
    assert ours.belief.model_error == 0


def test_a_context_that_explained_all_is_not_forgiven_a_new_regime() -> None:
    """A window with a few transitions of another regime is no imperfect one of the old: an alarm has to cut it."""
    ours, rng = tracker(), np.random.default_rng(0)
    _, state = bodies.drive(ours, (1.0, -1.0), 30, rng)
    regimes, _ = bodies.drive(ours, (-0.5, 0.5), 12, rng, state)
    assert all(regime.active for regime in regimes[4:])
    assert bodies.effect_error(ours, regimes[4], (-0.5, 0.5)) < 0.01


def test_the_end_of_a_fault_is_not_bent_into_another_one() -> None:
    """A window of both regimes is no third one: what is left of the old is cut off, and nominal it is."""
    rng, ours = np.random.default_rng(3), tracker("affine", identification_relative_error=0.3, tracking_evidence=3)
    _, state = bodies.drive(ours, (0.6, 1.0), 60, rng)
    regimes, _ = bodies.drive(ours, (1.0, 1.0), 12, rng, state)
    assert not any(regime.active for regime in regimes[5:])


def test_what_nothing_explained_is_forgotten_when_it_is_over() -> None:
    """A push at full speed, then gentle driving: the large commands of before must not stay in the window for ever."""
    ours, rng = tracker(), np.random.default_rng(4)
    for step in range(60):
        speed = (0.7, 1.0) if step < 30 else (0.1, 0.4)
        action = torch.tensor(rng.uniform(*speed, 2), dtype=torch.float32)
        observation = torch.tensor([0.0, 0.0, float(rng.uniform(-3, 3))])
        heading = observation[2]
        change = unicycle.nominal(observation.unsqueeze(0), action.unsqueeze(0))[0]
        push = 0.1 * torch.stack([-heading.sin(), heading.cos(), torch.zeros(())])
        noise = torch.from_numpy(unicycle.NOISE * rng.normal(size=3)).float()
        ours.observe(observation, action, change + noise + (push if step < 30 else 0.0))
        assert ours.regime.off or not 5 < step < 30
        assert not (ours.regime.off and step > 30 + ours.config.window + 5)


class Clueless(StructuredIdentifier):
    """Finds the same wrong context in everything, and forgives it everything."""

    def identify(self, window: Window, start: Tensor | None = None, information: Information | None = None) -> Estimate:
        return Estimate(torch.full((1, self.size), 2.0), torch.ones(1))


def test_while_nothing_explains_the_window_its_oldest_transition_leaves_first() -> None:
    """The largest commands are the fault's: kept, they would speak against the nominal body for ever."""
    config = FlowConfig()
    identifier = Clueless(config.identification, bodies.BOX, bodies.NOMINAL, bodies.calibration())
    identifier.relative_error = 100.0
    ours = RegimeTracker(config.tracking, identifier, bodies.NOMINAL, bodies.calibration(), bodies.BOX)
    rng = np.random.default_rng(5)
    regimes, state = bodies.drive(ours, (-1.0, 1.0), 30, rng, least=0.8)
    assert ours.regime.off
    assert not regimes[-1].active
    high = np.array(unicycle.ACTION.high)
    for _ in range(
        config.tracking.window + 2 * OLD
    ):  # unexplained for long, it is decided on at every second step only
        action = (rng.uniform(0.1, 0.3, 2) * high).astype(np.float32)
        after = unicycle.step(state, action, (1.0, 1.0), rng.normal(size=3))
        ours.observe(*bodies.noted(state, action, after))
        state = after
    assert not ours.regime.off


def test_an_idle_robot_keeps_its_regime() -> None:
    ours, rng = tracker(), np.random.default_rng(0)
    regimes, state = bodies.drive(ours, (-1.0, 1.0), 20, rng)
    observation = torch.from_numpy(state)
    for _ in range(100):
        regime = ours.observe(observation, torch.zeros(2), torch.zeros(3))
    assert regimes[-1].active
    assert regime.active


def test_transitions_that_are_not_finite_are_ignored() -> None:
    ours = tracker()
    for bad in (torch.nan, torch.inf):
        regime = ours.observe(torch.zeros(3), torch.tensor([1.0, bad]), torch.zeros(3))
    assert regime.changes == 0
    assert not regime.active


def test_a_restored_tracker_has_the_same_future() -> None:
    first, second = tracker(), tracker()
    _, state = bodies.drive(first, (-1.0, 2.0), 7, np.random.default_rng(0))
    second.load_state_dict(first.state_dict())
    futures = [bodies.drive(ours, (2.0, 0.5), 10, np.random.default_rng(1), state)[0] for ours in (first, second)]
    for one, other in zip(*futures, strict=True):
        assert torch.equal(one.context, other.context)
        assert (one.active, one.confidence, one.changes) == (other.active, other.confidence, other.changes)
    first.reset()
    assert not first.regime.active


def test_structures_are_checked() -> None:
    with pytest.raises(CrlError, match="did you mean 'gains'"):
        tracker("gain")
    with pytest.raises(CrlError, match=r"'affine'.*'gains'"):
        bodies.structured(FlowConfig()).load_state_dict(
            bodies.structured(flow_config(identification_structure="affine")).state_dict()
        )
