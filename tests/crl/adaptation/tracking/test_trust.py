"""Trust follows what contexts predicted, one transition counts one at the most, and it comes back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crl.adaptation.tracking.trust import ENOUGH, FULL, Trust

SQUARES = st.floats(0) | st.just(math.nan)


def told(context: float, nominal: float, times: int, trust: Trust | None = None) -> Trust:
    trust = trust or Trust(usual=1.0)
    for _ in range(times):
        trust.predicted(context, nominal)
    return trust


def test_good_predictions_cost_nothing_and_a_wrong_context_is_trusted_ten_steps_long() -> None:
    assert not told(1.0, 1e6, 100).lost
    assert not told(1e6, 1.0, int(FULL) - 1).lost
    assert told(1e6, 1.0, int(FULL)).lost


def test_trust_comes_back_by_good_predictions_and_not_at_the_first() -> None:
    trust = told(1e6, 1.0, 50)
    assert trust.level == 0
    assert told(1.0, 1e6, int(ENOUGH) - 1, trust).lost
    assert not told(1.0, 1e6, 1, trust).lost
    assert not told(1e6, 1.0, 4, trust).lost


def test_what_is_of_the_usual_size_is_worth_little_and_equal_predictions_nothing() -> None:
    assert told(0.9, 0.0, 10).level > FULL - 10 * 0.5 * math.log(2)
    assert told(1e4, 1e4, 1000).level == FULL


def test_the_worth_is_the_logarithm_of_how_many_times_less_is_left() -> None:
    """Against the definition, in units of what is usual."""
    trust = Trust(usual=2.0)
    told(8.0, 2.0, 1, trust)
    assert trust.level == pytest.approx(FULL - math.log(math.sqrt((8 / 2 + 1) / (2 / 2 + 1))))
    told(2.0, 4.0, 1, trust)
    assert trust.level == pytest.approx(FULL - 0.5 * math.log(2.5) + 0.5 * math.log(1.5))


@given(st.lists(st.tuples(SQUARES, SQUARES), max_size=40))
def test_whatever_is_predicted_trust_is_bounded_and_moves_by_one_at_most(pairs: list[tuple[float, float]]) -> None:
    trust = Trust(usual=1.3)
    for context, nominal in pairs:
        before = trust.level
        trust.predicted(context, nominal)
        assert 0 <= trust.level <= FULL
        assert abs(trust.level - before) <= 1
        assert not (trust.lost and trust.level >= ENOUGH)
        assert trust.lost or trust.level > 0


def test_trust_is_restored_and_reset() -> None:
    trust, other = told(1.0, 1e6, 2, told(1e6, 1.0, 50)), Trust(usual=1.0)
    other.load_state_dict(trust.state_dict())
    assert (other.level, other.lost) == (trust.level, trust.lost) == (2.0, True)
    trust.reset()
    assert (trust.level, trust.lost) == (FULL, False)


def test_what_contexts_promise_that_were_tried_is_summed_up_from_zero_and_forgotten_when_settled() -> None:
    trust = Trust(usual=1.0)
    for _ in range(int(ENOUGH) - 1):
        trust.tried(1.0, 1e6)
    assert not trust.promising
    trust.tried(1.0, 1e6)
    assert trust.promising
    assert trust.level == FULL
    trust.settled()
    assert not trust.promising
    for _ in range(50):
        trust.tried(1e6, 1e6)
    assert not trust.promising
