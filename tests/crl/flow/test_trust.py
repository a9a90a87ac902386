"""Trust: some alarms are free, each further one doubles what a context has to hold for, and all are forgotten."""

from __future__ import annotations

import pytest

from crl.flow.trust import FREE, RECENT, Trust

WINDOW = 15


def alarmed(times: int, at: int = 100) -> Trust:
    trust = Trust(WINDOW)
    for _ in range(times):
        trust.alarm(at)
    return trust


def test_a_fault_a_second_thought_and_its_end_cost_nothing() -> None:
    assert Trust(WINDOW).holds(0)
    assert alarmed(FREE).holds(100)


@pytest.mark.parametrize("surplus", [1, 2, 3])
def test_every_further_alarm_doubles_how_long_a_context_has_to_hold(surplus: int) -> None:
    trust = alarmed(FREE + surplus)
    needed = WINDOW * 2 ** (surplus - 1)
    assert not trust.holds(100 + needed - 1)
    assert trust.holds(100 + needed)


def test_alarms_are_forgotten() -> None:
    trust = alarmed(RECENT)
    assert not trust.holds(100 + RECENT * WINDOW - 1)
    assert trust.holds(100 + RECENT * WINDOW)


def test_an_alarm_that_is_taken_back_costs_nothing() -> None:
    trust = alarmed(FREE + 1)
    assert not trust.holds(100)
    trust.take_back()
    assert trust.holds(100)
    trust.reset()
    trust.take_back()
    assert trust.holds(100)


def test_trust_is_restored() -> None:
    trust, other = alarmed(FREE + 1), Trust(WINDOW)
    other.load_state_dict(trust.state_dict())
    assert [other.holds(step) for step in range(100, 130)] == [trust.holds(step) for step in range(100, 130)]
