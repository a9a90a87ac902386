"""What an agent gets of a memory: a model to plan on, limits, corrections; and its state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from crl.adaptation.fitted import Fitted
from crl.dynamics.body_model import Rows
from crl.errors import CrlError
from crl.memory.lifelong import Lifelong
from crl.memory.making import make_lifelong
from crl.memory.settings import KINDS, MemoryConfig
from crl.settings import compose
from crl.types import Transition
from tests.crl.memory.unicycle import PERIOD, TASK, Effect, drive, fitted, gains

EACH = pytest.mark.parametrize("kind", KINDS)
FLIPPED = gains(1, -1)


def make(kind: str) -> Lifelong:
    """A lifelong component of a body that was fitted."""
    config = compose(["env=ugv_mission", "refiner=afm"])
    model, residuals = fitted()
    steps = drive(gains(1, 1), 1500, 0)
    rows = Rows(model.body.encode(steps.observation), steps.action, steps.change)
    known = Fitted(model, model, rows, residuals.std(dim=0))
    return make_lifelong(config, MemoryConfig(kind=kind, base_steps=800), known, TASK.action)


def show(lifelong: Lifelong, effect: Effect, count: int, seed: int) -> None:
    """Let it see a regime, and learn."""
    steps = drive(effect, count, seed)
    for at in range(count):
        before, after = np.zeros(10, np.float32), np.zeros(10, np.float32)
        after[0], after[2] = float(steps.change[at, 0]), float(steps.change[at, 2])
        action = steps.action[at].numpy()
        lifelong.observe(Transition(0, before, action, action, action, 0.0, after, False, False))
        lifelong.learn(4)


@EACH
def test_a_bridge_corrects_within_its_limits(kind: str) -> None:
    lifelong = make(kind)
    lifelong.begin(TASK, 0)
    planned = np.array([0.5, 0.4], np.float32)
    assert np.array_equal(lifelong.refine(planned), planned)
    assert lifelong.limits() == TASK.action
    show(lifelong, gains(1, -0.5), 6, 1)
    refined = lifelong.refine(planned)
    assert refined.dtype == np.float32
    assert refined == pytest.approx([0.5, -0.8], abs=0.05)
    assert lifelong.limits().high[1] == pytest.approx(np.pi / 4, abs=0.05)


@EACH
def test_the_planner_unrolls_the_regime_in_force(kind: str) -> None:
    lifelong = make(kind)
    show(lifelong, gains(1, 1), 10, 0)
    show(lifelong, FLIPPED, 90, 1)
    assert lifelong.belief.force.regime != 0
    planned = torch.tensor([0.6, 0.5])
    with torch.no_grad():
        trajectory = lifelong.rollout()(torch.zeros(10), planned.view(1, 1, 2))
    executed = torch.from_numpy(lifelong.refine(planned.numpy()))
    turn = float(FLIPPED(executed)[1]) * PERIOD
    assert float(trajectory[0, 1, 2]) == pytest.approx(turn, abs=0.02)
    assert float(lifelong.predict(np.zeros(10, np.float32), executed.numpy())[2]) == pytest.approx(turn, abs=0.02)


@EACH
def test_episodes_come_and_go_and_it_stays(kind: str) -> None:
    lifelong = make(kind)
    show(lifelong, FLIPPED, 80, 1)
    force = lifelong.belief.force.regime
    lifelong.begin(TASK, 1)
    assert lifelong.belief.force.regime == force
    assert len(lifelong.memory.regimes) == 2


@EACH
def test_it_goes_on_to_the_bit(kind: str) -> None:
    lifelong, other = make(kind), make(kind)
    show(lifelong, FLIPPED, 40, 1)
    other.load_state_dict(lifelong.state_dict())
    for one in (lifelong, other):
        show(one, gains(-1, 1), 30, 2)
    at = (np.zeros(10, np.float32), np.ones(2, np.float32))
    assert torch.equal(lifelong.predict(*at), other.predict(*at))
    assert lifelong.memory.order == other.memory.order


def test_what_it_can_not_remember_is_named() -> None:
    config = compose(["env=ugv_mission", "refiner=afm"])
    model, residuals = fitted()
    rows = Rows(torch.zeros(1, 0), torch.zeros(1, 2), torch.zeros(1, 3))
    known = Fitted(model, model, rows, residuals.std(dim=0))
    with pytest.raises(CrlError, match=r"memory\.kind = 'network'"):
        make_lifelong(config, MemoryConfig(kind="network"), known, TASK.action)
    slow = replace(config, body=replace(config.body, stride=5))
    with pytest.raises(CrlError, match="one control step"):
        make_lifelong(slow, MemoryConfig(), known, TASK.action)
