"""Late commands are a hypothesis of their own: told from regimes, never corrected, and over when they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.adaptation.authority import careful_box
from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.nominal_model import NominalModel
from crl.adaptation.refiners.flow import FlowRefiner
from crl.adaptation.tracking.comparison import Comparison
from crl.adaptation.tracking.context_model import ContextModel
from crl.adaptation.tracking.decision import best_delay
from crl.adaptation.tracking.hypotheses import Delayed
from crl.adaptation.tracking.input_delay import InputDelays
from crl.adaptation.tracking.regime import Regime
from crl.adaptation.tracking.tracker import RegimeTracker
from crl.adaptation.tracking.window import Row
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config
from tests.oracles import unicycle


def tracker(structure: str = "matrix", **changes: object) -> RegimeTracker:
    config = flow_config(identification_structure=structure, **changes)
    return RegimeTracker(config.tracking, bodies.structured(config), bodies.NOMINAL, bodies.calibration(), bodies.BOX)


class Robot:
    """A unicycle that does now what it was told some steps ago; its commands change smoothly, as planned ones do."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.state = np.array([3.0, -4.0, 3.1], dtype=np.float32)
        self.sent = [np.zeros(2, np.float32)] * 10

    def drive(
        self, ours: RegimeTracker, steps: int, late: int, gains: tuple[float, float] = (1.0, 1.0)
    ) -> list[Regime]:
        regimes = []
        high = np.array(unicycle.ACTION.high)
        for _ in range(steps):
            action = 0.8 * self.sent[-1] + 0.5 * self.rng.uniform(-1, 1, 2) * high
            self.sent.append(np.clip(action, -high, high).astype(np.float32))
            after = unicycle.step(self.state, self.sent[-1 - late], gains, self.rng.normal(size=3))
            regimes.append(ours.observe(*bodies.noted(self.state, self.sent[-1], after)))
            self.state = after
        return regimes


@pytest.mark.parametrize("structure", ["gains", "matrix", "affine"])
@pytest.mark.parametrize("late", [1, 2, 3, 4])
def test_late_commands_are_told_from_regimes_and_so_is_their_end(late: int, structure: str) -> None:
    for seed in range(3):
        robot, ours = Robot(seed), tracker(structure)
        assert not any(regime.delay for regime in robot.drive(ours, 30, 0))
        regimes = robot.drive(ours, 60, late)
        assert all(regime.delay == late and not regime.active for regime in regimes[15:])
        assert regimes[-1].changes <= 2
        assert torch.equal(regimes[-1].context, ours.identifier.nominal)
        over = robot.drive(ours, 30, 0)
        assert not any(regime.delay or regime.active for regime in over[10:])
        assert not ours.regime.off


def test_without_the_hypothesis_they_are_another_regime_again_and_again() -> None:
    counts = []
    for delays in (0, 4):
        ours = tracker(tracking_delays=delays)
        counts.append(Robot(0).drive(ours, 120, 2)[-1].changes)
    assert counts[0] > 3 * counts[1]


@pytest.mark.parametrize("gains", unicycle.GAINS)
def test_a_fault_is_not_taken_for_late_commands(gains: tuple[float, float]) -> None:
    for seed in range(2):
        regimes = Robot(seed).drive(tracker(), 40, 0, gains)
        assert not any(regime.delay for regime in regimes[5:])
        assert all(regime.active for regime in regimes[5:])


def test_late_commands_become_a_fault_and_a_fault_late_commands() -> None:
    robot, ours = Robot(1), tracker()
    assert robot.drive(ours, 40, 2)[-1].delay == 2
    regime = robot.drive(ours, 40, 0, (-1.0, 1.0))[-1]
    assert (regime.delay, regime.active) == (0, True)
    regime = robot.drive(ours, 40, 2)[-1]
    assert (regime.delay, regime.active) == (2, False)


def test_a_delay_greater_than_any_thought_of_is_none_of_them() -> None:
    regimes = Robot(0).drive(tracker(tracking_delays=2), 60, 4)
    assert regimes[-1].delay == 0


def _lagged(observation: Tensor, action: Tensor) -> Tensor:
    return torch.stack([action[:, 0] + 10 * observation[:, 1], action[:, 1] + 10 * observation[:, 2]], dim=-1)


def test_only_a_delay_that_explains_is_preferred() -> None:
    """What leaves as much as the nominal body is none, however little a context explains; else the best is taken."""
    config = flow_config(identification_structure="matrix")
    model = ContextModel(bodies.structured(config), bodies.NOMINAL, bodies.calibration(), bodies.BOX)
    delays = [Delayed(model, steps) for steps in (1, 2, 3)]
    generator = torch.Generator().manual_seed(0)

    def rows(*sizes: float) -> list[Row]:
        """Residuals of the nominal body, and of commands late by 1, 2, .. steps."""
        parts = [size * torch.randn(12, 3, generator=generator, dtype=torch.float64) for size in sizes]
        seen = (torch.zeros(3), torch.zeros(2), torch.zeros(3))
        return [Row(seen, i, 1.0, parts[0][i], torch.stack([part[i] for part in parts[1:]])) for i in range(12)]

    assert best_delay(delays[:2], Comparison(rows(20.0, 18.0, 19.0), model), math.inf) is None
    transitions = rows(20.0, 18.0, 1.0, 1.2)
    window = Comparison(transitions, model)
    best = best_delay(delays, window, math.inf)
    assert best is not None
    assert best.hypothesis.delay == 2
    assert torch.equal(best.residuals, torch.stack([row.delayed[1] for row in transitions]))
    assert best_delay(delays, window, 0.5 * best.misfit) is None
    assert best_delay(delays[:1], Comparison(rows(1.0, 0.9), model), math.inf) is None  # a nominal window


def test_a_context_that_is_known_from_more_than_a_window_is_not_given_up_for_a_delay() -> None:
    """Commands to and fro: reversed, or late by one, it is all the same, as far as the window can tell."""
    robot, ours = Robot(4), tracker(tracking_memory=150)
    robot.drive(ours, 60, 0, (-1.0, -1.0))
    assert ours.regime.active
    ours._window.rows.clear()
    high = np.array(unicycle.ACTION.high)
    for step in range(30):
        action = (0.5 * high * (1 if step % 2 else -1)).astype(np.float32)
        after = unicycle.step(robot.state, action, (-1.0, -1.0), robot.rng.normal(size=3))
        regime = ours.observe(*bodies.noted(robot.state, action, after))
        robot.state = after
        assert regime.active
        assert regime.delay == 0


def test_residuals_are_those_of_the_model_under_the_command_of_before() -> None:
    """Against the plain way: one late command after the other, with what was sent before it in the observation."""
    nominal = NominalModel(_lagged, (1, 2))
    unit = bodies.calibrate(torch.randn(500, 2, generator=torch.Generator().manual_seed(0)), 1e-3 * torch.ones(2))
    ours = InputDelays(nominal, unit, 3)
    generator = torch.Generator().manual_seed(1)
    sent = [torch.zeros(2)]
    for _ in range(9):
        observation = torch.cat([torch.zeros(1), sent[-1]])
        sent.append(torch.randn(2, generator=generator))
        change = torch.randn(2, generator=generator)
        left = ours.residuals(observation, sent[-1], change)
        for late in range(min(4, len(sent) - 1)):
            told = torch.cat([torch.zeros(1), sent[-2 - late]]).unsqueeze(0)
            expected = unit.whiten(change - _lagged(told, sent[-1 - late].unsqueeze(0))[0])
            torch.testing.assert_close(left[late], expected)
    assert left.shape == (4, 2)


def test_after_a_gap_the_commands_from_before_it_do_not_count() -> None:
    nominal = NominalModel(_lagged, (1, 2))
    unit = bodies.calibrate(torch.randn(500, 2, generator=torch.Generator().manual_seed(0)), 1e-3 * torch.ones(2))
    ours, fresh = InputDelays(nominal, unit, 3), InputDelays(nominal, unit, 3)
    for number in range(5):
        ours.residuals(torch.tensor([0.0, number, number]), torch.full((2,), number + 1.0), torch.zeros(2))
    row = torch.tensor([0.0, 9.0, 9.0]), torch.full((2,), 0.5), torch.ones(2)
    torch.testing.assert_close(ours.residuals(*row), fresh.residuals(*row))


def test_a_restored_tracker_knows_of_late_commands() -> None:
    robot, first, second = Robot(2), tracker(), tracker()
    robot.drive(first, 40, 3)
    second.load_state_dict(first.state_dict())
    assert second.regime.delay == 3
    twin = Robot(3)
    twin.state, twin.sent = robot.state, list(robot.sent)
    robot.rng = np.random.default_rng(3)
    for one, other in zip(robot.drive(first, 20, 3), twin.drive(second, 20, 3), strict=True):
        assert (one.delay, one.changes) == (other.delay, other.changes)
    first.reset()
    assert first.regime.delay == 0


@pytest.mark.slow
def test_late_commands_are_neither_corrected_nor_planned_for_with_care(unicycle_flow: ActionFlow) -> None:
    ours = FlowRefiner(unicycle_flow, bodies.NOMINAL)
    robot = Robot(0)
    robot.drive(ours.tracker, 40, 2)
    assert ours.regime.delay == 2
    assert ours.regime.off
    planned = np.array([0.5, -0.7], np.float32)
    np.testing.assert_array_equal(ours.refine(planned), planned)
    assert ours.authority() == unicycle_flow.action
    ours.flow.identifier.fed_back = [1]
    try:
        assert ours.authority() == unicycle_flow.action
        assert not torch.equal(careful_box([1], unicycle_flow.box).high, unicycle_flow.box.high)
    finally:
        ours.flow.identifier.fed_back = []
