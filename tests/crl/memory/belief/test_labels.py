"""Told labels: the same loop, with nothing to find out."""

from __future__ import annotations

from crl.memory.belief.loop import Belief
from crl.memory.models.memory import NOMINAL
from crl.memory.recall.phase import Phase
from tests.crl.memory.unicycle import belief_of, error, gains, live

FLIPPED, WEAK = gains(1, -1), gains(0.6, 1)


def told(belief: Belief, label: int, effect, count: int, seed: int) -> list[int]:
    """Tell a label, and live in its regime."""
    belief.tell(label)
    return live(belief, effect, count, seed)


def test_a_told_regime_is_learned_once_and_in_force_at_once_when_it_comes_back() -> None:
    belief = belief_of("networks")
    assert set(told(belief, 0, gains(1, 1), 20, 1)) == {NOMINAL}
    told(belief, 1, FLIPPED, 60, 2)
    mine = belief.force.regime
    assert (belief.phase, mine) != (Phase.KNOWN, NOMINAL)
    assert set(told(belief, 0, gains(1, 1), 20, 3)) == {NOMINAL}
    told(belief, 2, WEAK, 60, 4)
    other, opened = belief.force.regime, belief.memory.opened
    belief.tell(1)
    assert (belief.force.regime, belief.phase) == (mine, Phase.KNOWN)  # before anything is seen of it
    assert error(belief, FLIPPED, 5) < 0.05
    assert set(live(belief, FLIPPED, 20, 6)) == {mine}
    assert set(told(belief, 2, WEAK, 20, 7)) == {other}
    assert belief.memory.opened == opened


def test_nothing_seen_overrules_what_is_told() -> None:
    belief = belief_of("networks")
    told(belief, 1, FLIPPED, 60, 1)
    alarms = belief.alarms
    assert set(told(belief, 0, FLIPPED, 30, 2)) == {NOMINAL}
    assert belief.alarms == alarms


def test_a_label_whose_entry_was_dropped_is_learned_anew() -> None:
    belief = belief_of("networks")
    told(belief, 1, FLIPPED, 8, 1)  # too short to be kept
    told(belief, 0, gains(1, 1), 5, 2)
    assert list(belief.memory.regimes) == [NOMINAL]
    belief.tell(1)
    assert belief.phase is Phase.BRIDGED
    live(belief, FLIPPED, 60, 3)
    assert len(belief.memory.regimes) == 2


def test_labels_of_another_life_are_others() -> None:
    belief = belief_of("networks")
    told(belief, 1, FLIPPED, 60, 1)
    mine = belief.force.regime
    belief.forget_labels()
    assert set(live(belief, gains(1, 1), 20, 2)[5:]) == {NOMINAL}  # nobody tells, and it finds out
    belief.tell(1)
    assert belief.phase is Phase.BRIDGED
    assert mine in belief.memory.regimes


def test_what_was_told_goes_on_from_its_state() -> None:
    one, other = belief_of("networks"), belief_of("networks")
    told(one, 1, FLIPPED, 60, 1)
    told(one, 0, gains(1, 1), 10, 2)
    other.memory.load_state_dict(one.memory.state_dict())
    other.load_state_dict(one.state_dict())
    for belief in (one, other):
        belief.tell(1)
    assert one.force.regime == other.force.regime != NOMINAL
    assert one.state_dict()["labels"] == other.state_dict()["labels"]
