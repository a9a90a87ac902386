"""What an agent gets of a memory: a model to plan on, limits, corrections; and its state."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.config.sections.memory import KINDS
from crl.errors import CrlError
from crl.memory.adapting import LifelongAdaptation
from crl.memory.lifelong import Lifelong
from crl.restoring import UnfitStateError
from crl.types import LearnBudget, Transition
from tests.crl.memory.unicycle import PERIOD, TASK, Effect, drive, gains, ground, nominal_rows, settings

EACH = pytest.mark.parametrize("kind", KINDS)
FLIPPED = gains(1, -1)
REST = np.zeros(TASK.observation.size, np.float32)


def make(kind: str) -> LifelongAdaptation:
    """An adaptation that stands on the body that was fitted."""
    adaptation = LifelongAdaptation(settings(kind), TASK.observation, TASK.action)
    fresh = LifelongAdaptation(settings(kind), TASK.observation, TASK.action)
    known = fresh._stand_on(ground()).state_dict()
    adaptation.load_state_dict({"known": {"ground": ground().state_dict(), **known}})
    adaptation.begin(ground().model, TASK, 0)
    return adaptation


def known(adaptation: LifelongAdaptation) -> Lifelong:
    """Memory and belief."""
    assert adaptation.known is not None
    return adaptation.known


def show(adaptation: LifelongAdaptation, effect: Effect, count: int, seed: int) -> None:
    """Let it see a regime, and learn."""
    steps = drive(effect, count, seed)
    for at in range(count):
        after = REST.copy()
        after[[0, 2]] = steps.change[at, [0, 2]].numpy()
        action = steps.action[at].numpy()
        adaptation.observe(Transition(0, REST, action, action, action, 0.0, after, False, False))
        adaptation.learn(1)


def test_it_is_ready_after_the_closing_session_and_expects_the_nominal_body() -> None:
    config = settings("networks")
    config.learning.lr = 5e-3
    adaptation = LifelongAdaptation(config, TASK.observation, TASK.action)
    assert not adaptation.ready
    assert adaptation.remembered() is None
    losses = adaptation.fit(nominal_rows(), LearnBudget(10, closing=True))
    assert adaptation.ready
    assert losses["nominal_regime"] < 0.01
    adaptation.begin(ground().model, TASK, 0)
    expected = adaptation.expected(REST, np.array([0.5, 0.5], np.float32))
    assert expected.tolist() == pytest.approx([0.5 * PERIOD, 0.0, 0.5 * PERIOD], abs=0.01)
    assert (adaptation.belief().regime, adaptation.belief().phase, adaptation.belief().regimes) == (0, "known", 1)


@EACH
def test_a_bridge_corrects_within_its_limits(kind: str) -> None:
    adaptation = make(kind)
    planned = np.array([0.5, 0.4], np.float32)
    assert np.array_equal(adaptation.refine(planned), planned)
    assert known(adaptation).limits() == TASK.action
    assert not adaptation.refiner.regime.off
    show(adaptation, gains(1, -0.5), 6, 1)
    assert adaptation.refiner.regime.off
    assert adaptation.refiner.regime.changes == 1
    refined = adaptation.refine(planned)
    assert refined.dtype == np.float32
    assert refined == pytest.approx([0.5, -0.8], abs=0.05)
    assert known(adaptation).limits().high[1] == pytest.approx(np.pi / 4, abs=0.05)


@EACH
def test_the_planner_unrolls_the_regime_in_force(kind: str) -> None:
    adaptation = make(kind)
    show(adaptation, gains(1, 1), 10, 0)
    show(adaptation, FLIPPED, 90, 1)
    assert adaptation.belief().regime != 0
    planned = torch.tensor([0.6, 0.5])
    with torch.no_grad():
        trajectory = known(adaptation).rollout()(torch.zeros(10), planned.view(1, 1, 2))
    executed = adaptation.refine(planned.numpy())
    turn = float(FLIPPED(torch.from_numpy(executed))[1]) * PERIOD
    assert float(trajectory[0, 1, 2]) == pytest.approx(turn, abs=0.02)
    assert float(adaptation.expected(REST, executed)[2]) == pytest.approx(turn, abs=0.02)


@EACH
def test_episodes_come_and_go_and_it_stays(kind: str) -> None:
    adaptation = make(kind)
    show(adaptation, FLIPPED, 80, 1)
    force = adaptation.belief().regime
    adaptation.begin(ground().model, TASK, 1)
    assert adaptation.refiner.regime.changes == 0
    assert adaptation.belief().regime == force
    assert adaptation.belief().regimes == 2


@EACH
def test_it_goes_on_to_the_bit(kind: str) -> None:
    adaptation, other = make(kind), make(kind)
    show(adaptation, FLIPPED, 40, 1)
    other.load_state_dict(adaptation.state_dict())
    for one in (adaptation, other):
        show(one, gains(-1, 1), 30, 2)
    assert torch.equal(adaptation.expected(REST, np.ones(2, np.float32)), other.expected(REST, np.ones(2, np.float32)))
    assert known(adaptation).memory.order == known(other).memory.order
    assert known(adaptation).belief.events == known(other).belief.events


def test_another_robot_of_the_kind_goes_on_with_its_memory() -> None:
    adaptation, other = make("networks"), LifelongAdaptation(settings("networks"), TASK.observation, TASK.action)
    show(adaptation, FLIPPED, 80, 1)
    remembered = adaptation.remembered()
    assert remembered is not None
    other.recollect(remembered)
    assert other.belief() == adaptation.belief()


def test_a_memory_of_another_size_or_kind_is_named() -> None:
    state = make("networks").state_dict()
    config = settings("networks")
    config.memory.hidden = [8]
    with pytest.raises(UnfitStateError):
        LifelongAdaptation(config, TASK.observation, TASK.action).load_state_dict(state)
    with pytest.raises(CrlError, match="kind 'networks'"):
        LifelongAdaptation(settings("contexts"), TASK.observation, TASK.action).load_state_dict(state)
