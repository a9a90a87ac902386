"""Contexts of all transitions: what earlier ones said is not forgotten, and what one context explains is one."""

from __future__ import annotations

import pytest
import torch

from crl.adaptation.identification.transitions import Window
from crl.memory.belief.loop import Belief
from crl.memory.models.contexts import ContextMemory, GatheringContexts
from crl.memory.models.memory import NOMINAL, Memory
from crl.memory.models.regime import Standing
from crl.memory.models.steps import Steps
from crl.memory.recall.coverage import add
from tests.crl.memory.unicycle import BOX, PERIOD, Effect, drive, gains, live, make_bridge, units

WORN = gains(-0.8, 0.5)


def gathering() -> GatheringContexts:
    """An empty memory."""
    return GatheringContexts(make_bridge(), units(), 8)


def straight(effect: Effect, count: int, seed: int) -> Steps:
    """Transitions of a way without turns, which say nothing of the turn rate's gain."""
    action = BOX.sample(count, torch.Generator().manual_seed(seed)) * torch.tensor([1.0, 0.0])
    done = effect(action) * PERIOD
    return Steps(torch.zeros(count, 10), action, torch.stack([done[:, 0], torch.zeros(count), done[:, 1]], dim=-1))


def learn(memory: Memory, index: int, steps: Steps) -> None:
    """Learn from a visit, a transition after the other."""
    for count in range(1, len(steps) + 1):
        memory.learn(index, steps[:count], 1, torch.Generator())


def met(memory: Memory, steps: Steps) -> int:
    """A kept regime that was learned in a visit which is over."""
    index, _ = memory.open(NOMINAL, steps[:6], now=0)
    learn(memory, index, steps)
    for observation, action in zip(steps.observation, steps.action, strict=True):
        add(memory.regimes[index], make_bridge().base, observation, action)
    memory.regimes[index].standing = Standing.KEPT
    memory.rest()
    return index


def found(memory: Memory, index: int) -> torch.Tensor:
    """The gains of a regime's context, [2, 2]."""
    context = memory.context(index)
    assert context is not None
    return torch.eye(2) + context.view(2, 2)


@pytest.mark.parametrize("again", [False, True])
def test_a_straight_way_does_not_make_it_forget_how_the_body_turns(again: bool) -> None:
    memory = gathering()
    index = met(memory, drive(WORN, 30, 1))
    turns = found(memory, index)[1, 1]
    if again:
        learn(memory, index, straight(WORN, 60, 2))  # in a later visit
    else:
        index = met(memory, drive(WORN, 30, 1).plus(straight(WORN, 60, 2)))
    assert float(turns) == pytest.approx(0.5, abs=0.05)
    assert float(found(memory, index)[1, 1]) == pytest.approx(float(turns), abs=0.03)


def test_what_is_gathered_is_the_fit_to_all_transitions_at_once() -> None:
    memory, steps = gathering(), drive(WORN, 90, 3)
    index = met(memory, steps[:60])
    learn(memory, index, steps[60:])
    with torch.no_grad():
        at_once = make_bridge().contexts.identify(Window.of(*steps.parts)).context
    assert torch.allclose(found(memory, index), torch.eye(2) + at_once.view(2, 2), atol=0.01)


def test_a_regime_of_which_only_a_straight_way_was_seen_is_the_one_that_goes_as_fast() -> None:
    memory = gathering()
    one, fast = met(memory, straight(WORN, 40, 1)), met(memory, straight(gains(-0.4, 0.5), 40, 2))
    assert memory.alike(one) is None
    other = met(memory, drive(WORN, 40, 3))
    assert (memory.alike(one), memory.alike(other), memory.alike(fast)) == (other, one, None)
    memory.merge(one, other)
    assert torch.allclose(found(memory, one), torch.diag(torch.tensor([-0.8, 0.5])), atol=0.03)
    learn(memory, one, straight(WORN, 60, 4))
    assert float(found(memory, one)[1, 1]) == pytest.approx(0.5, abs=0.05)


def test_regimes_that_turn_differently_stay_two_and_a_nominal_one_is_the_nominal() -> None:
    memory = gathering()
    one, other = met(memory, drive(WORN, 40, 1)), met(memory, drive(gains(-0.8, -0.5), 40, 2))
    assert memory.alike(one) is None
    assert memory.alike(other) is None
    plain = met(memory, drive(gains(1, 1), 40, 3))
    assert memory.alike(plain) == NOMINAL
    memory.merge(NOMINAL, plain)
    assert memory.context(NOMINAL) is None
    assert torch.equal(memory.weights(NOMINAL), make_bridge().base.weights)


def test_a_memory_of_before_is_read_and_learns_on() -> None:
    memory, other = gathering(), gathering()
    index = met(memory, drive(WORN, 40, 1))
    state = memory.state_dict()
    del state["predicts"]["gathered"]
    other.load_state_dict(state)
    assert torch.equal(found(other, index), found(memory, index))
    learn(other, index, drive(WORN, 40, 2))
    assert torch.allclose(found(other, index), found(memory, index), atol=0.05)


def test_what_is_not_finite_costs_nothing_that_was_known() -> None:
    memory = gathering()
    index = met(memory, drive(WORN, 40, 1))
    before = found(memory, index)
    steps = drive(WORN, 20, 2)
    steps.change[5] = torch.nan
    learn(memory, index, steps)
    assert bool(torch.isfinite(found(memory, index)).all())
    memory.rest()
    learn(memory, index, straight(WORN, 30, 3))
    assert torch.allclose(found(memory, index), before, atol=0.05)


def test_a_body_that_was_met_on_a_straight_way_first_has_one_entry() -> None:
    belief = Belief(gathering(), make_bridge(), units(), BOX.middle)
    live(belief, gains(1, 1), 30, 1)
    way = straight(WORN, 60, 2)
    for row in zip(*way.parts, strict=True):
        belief.observe(*row)
        belief.learn(1, torch.Generator())
    known = belief.force.regime
    assert known != NOMINAL
    assert set(live(belief, gains(1, 1), 40, 3)[6:]) == {NOMINAL}
    assert live(belief, WORN, 60, 4)[-1] == known
    assert belief.memory.order == [NOMINAL, known]
    assert float(found(belief.memory, known)[1, 1]) == pytest.approx(0.5, abs=0.05)


def test_without_gathering_a_straight_way_makes_it_forget_how_the_body_turns() -> None:
    memory = ContextMemory(make_bridge(), 8)
    index = met(memory, drive(WORN, 30, 1).plus(straight(WORN, 60, 2)))
    assert float(found(memory, index)[1, 1]) > 0.8
