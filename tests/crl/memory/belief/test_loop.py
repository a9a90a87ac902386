"""The loop of belief: bridge at once, learn beside, recall, and what must not change it."""

from __future__ import annotations

import pytest
import torch

from crl.config.sections.memory import KINDS
from crl.memory.belief.loop import Belief
from crl.memory.models.bridge import Bridge
from crl.memory.models.memory import NOMINAL
from crl.memory.models.regime import Standing
from crl.memory.recall.phase import Phase
from tests.crl.memory.unicycle import BOX, belief_of, drive, error, gains, live, squared
from tests.crl.states import differences

EACH = pytest.mark.parametrize("kind", KINDS)
NOMINAL_BODY, FLIPPED = gains(1, 1), gains(1, -1)


def show(belief: Belief, effect, action: torch.Tensor, count: int) -> None:
    """Show it one command again and again."""
    change = torch.stack([effect(action)[0] * 0.2, torch.tensor(0.0), effect(action)[1] * 0.2])
    for _ in range(count):
        belief.observe(torch.zeros(10), action, change)


@EACH
def test_an_unchanged_body_raises_no_alarm(kind: str) -> None:
    belief = belief_of(kind)
    assert set(live(belief, NOMINAL_BODY, 400, 1)) == {NOMINAL}
    assert [what for _, what, _ in belief.events if what != "known"] == []


@EACH
def test_a_new_regime_is_bridged_within_a_few_steps(kind: str) -> None:
    belief = belief_of(kind)
    live(belief, NOMINAL_BODY, 30, 1)
    live(belief, FLIPPED, 5, 2)
    assert belief.phase is not Phase.KNOWN
    assert error(belief, FLIPPED, 3) < 0.05


@EACH
def test_a_regime_is_opened_kept_and_recalled_when_it_comes_back(kind: str) -> None:
    belief = belief_of(kind)
    live(belief, NOMINAL_BODY, 30, 1)
    live(belief, FLIPPED, 90, 2)
    kept = [entry for entry in belief.memory.regimes.values() if entry.index != NOMINAL]
    assert [entry.standing for entry in kept] == [Standing.KEPT]
    assert set(live(belief, NOMINAL_BODY, 60, 3)[5:]) == {NOMINAL}
    opened = belief.memory.opened
    back = live(belief, FLIPPED, 40, 4)
    assert back.index(kept[0].index) <= 5
    assert set(back[6:]) == {kept[0].index}
    assert belief.memory.opened == opened
    assert kept[0].visits >= 2
    assert error(belief, FLIPPED, 5) < 0.05


@pytest.mark.parametrize("kind", ["networks", "hypercrl"])
def test_a_learned_model_takes_over_from_a_bridge_that_can_not_express_the_regime(kind: str) -> None:
    belief = belief_of(kind)
    live(belief, NOMINAL_BODY, 20, 1)
    live(belief, squared, 12, 2)
    bridged = error(belief, squared, 3)
    live(belief, squared, 110, 4)
    assert belief.phase is Phase.KNOWN
    assert belief.force.regime != NOMINAL
    assert error(belief, squared, 3) < 0.6 * bridged


@EACH
def test_a_robot_that_waits_keeps_its_regime(kind: str) -> None:
    belief = belief_of(kind)
    live(belief, NOMINAL_BODY, 20, 1)
    live(belief, FLIPPED, 60, 2)
    before = (belief.phase, belief.force.regime, list(belief.events))
    show(belief, FLIPPED, BOX.middle, 200)
    assert (belief.phase, belief.force.regime, list(belief.events)) == before


@EACH
def test_a_visit_too_short_to_prove_itself_leaves_nothing(kind: str) -> None:
    belief = belief_of(kind)
    live(belief, NOMINAL_BODY, 30, 1)
    live(belief, FLIPPED, 10, 2)
    live(belief, NOMINAL_BODY, 30, 3)
    assert belief.force.regime == NOMINAL
    assert belief.memory.order == [NOMINAL]


def test_what_is_suspected_is_not_learned_from() -> None:
    belief = belief_of("networks")
    live(belief, NOMINAL_BODY, 20, 1)
    live(belief, FLIPPED, 60, 2)
    assert belief.phase is Phase.KNOWN
    regime = belief.force.regime
    before = belief.memory.weights(regime).clone()
    # Two steps of another regime, without learning steps between them: they must never be learned as this one's.
    other = drive(gains(-1, 1), 3, 7)
    for at in range(3):
        belief.observe(other.observation[at], other.action[at], other.change[at])
    learned = (
        torch.stack([change for _, _, change in belief._lessons.rows]) if belief._lessons.rows else torch.zeros(0, 3)
    )
    for change in other.change:
        assert not bool((learned == change).all(dim=-1).any()) or belief.force.regime != regime
    assert torch.equal(before, belief.memory.weights(regime)) or regime not in belief.memory.regimes


@EACH
def test_what_is_not_finite_is_ignored(kind: str) -> None:
    belief = belief_of(kind)
    belief.observe(torch.zeros(10), torch.zeros(2), torch.full((3,), torch.nan))
    belief.observe(torch.full((10,), torch.inf), torch.zeros(2), torch.zeros(3))
    assert belief.now == 0


@EACH
def test_regimes_that_change_faster_than_can_be_told_stay_within_the_bound(kind: str) -> None:
    belief = belief_of(kind, most=3)
    for turn in range(25):
        live(belief, (FLIPPED, gains(-1, 1), squared, NOMINAL_BODY)[turn % 4], 4, turn, learning=1)
        assert len(belief.memory.regimes) <= 3
    assert bool(torch.isfinite(belief.predict(torch.zeros(10), BOX.high)).all())


@EACH
def test_the_state_goes_on_to_the_bit(kind: str) -> None:
    belief, other = belief_of(kind), belief_of(kind)
    live(belief, NOMINAL_BODY, 20, 1)
    live(belief, FLIPPED, 25, 2)
    other.memory.load_state_dict(belief.memory.state_dict())
    other.load_state_dict(belief.state_dict())
    found = [live(one, FLIPPED, 15, 3) + live(one, NOMINAL_BODY, 15, 4) for one in (belief, other)]
    assert found[0] == found[1]
    at = (torch.zeros(10), BOX.high)
    assert torch.equal(belief.predict(*at), other.predict(*at))


def test_the_transition_of_two_regimes_is_left_out_where_the_command_before_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first one after a change reads a command that the body before the change was given: it fits neither."""
    assert belief_of("contexts")._bridge.lag == 0
    found = []
    for lag in (0, 1):
        monkeypatch.setattr(Bridge, "lag", lag)
        belief = belief_of("contexts")
        live(belief, NOMINAL_BODY, 20, 1)
        show(belief, gains(-1, 3), torch.tensor([0.8, 1.2]), 1)
        live(belief, FLIPPED, 4, 2)
        found.append(error(belief, FLIPPED, 3))
        assert belief.alarms == 1
    assert found[1] < 0.05 < found[0]


@pytest.mark.parametrize("learning", [0, 4])
@EACH
def test_a_hopeless_regime_that_is_dropped_while_it_is_open_leaves_nothing(kind: str, learning: int) -> None:
    belief = belief_of(kind)
    live(belief, NOMINAL_BODY, 30, 1)
    generator = torch.Generator().manual_seed(2)
    steps = drive(FLIPPED, 200, 2)
    for observation, action in zip(steps.observation, steps.action, strict=True):
        opened = belief.opening
        belief.observe(observation, action, 0.3 * torch.randn(3, generator=generator))
        if belief.events[-1][1] == "dropped" and belief.events[-1][0] == belief.now and belief.phase is not Phase.KNOWN:
            break
        belief.learn(learning, generator)
    else:
        raise AssertionError("no regime was dropped while it was open")
    assert opened is not None
    assert belief.opening is None
    assert belief.phase is Phase.BRIDGED
    assert belief.memory.order == [NOMINAL]
    left = belief.memory.state_dict()
    belief.memory.rest()
    assert not differences(left, belief.memory.state_dict())
