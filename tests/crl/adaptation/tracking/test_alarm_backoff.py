"""Care: some alarms are free, each further one doubles the time without care, and all are forgotten."""

from __future__ import annotations

import pytest

from crl.adaptation.tracking.alarm_backoff import FREE, RECENT, AlarmBackoff

WINDOW = 15


def alarmed(times: int, at: int = 100) -> AlarmBackoff:
    backoff = AlarmBackoff(WINDOW)
    for _ in range(times):
        backoff.alarm(at)
    return backoff


def test_a_fault_a_second_thought_and_its_end_cost_nothing() -> None:
    assert AlarmBackoff(WINDOW).over(0)
    assert alarmed(FREE).over(100)


@pytest.mark.parametrize("surplus", [1, 2, 3])
def test_every_further_alarm_doubles_how_long_there_is_no_care(surplus: int) -> None:
    backoff = alarmed(FREE + surplus)
    needed = WINDOW * 2 ** (surplus - 1)
    assert not backoff.over(100 + needed - 1)
    assert backoff.over(100 + needed)


def test_alarms_are_forgotten() -> None:
    backoff = alarmed(RECENT)
    assert not backoff.over(100 + RECENT * WINDOW - 1)
    assert backoff.over(100 + RECENT * WINDOW)


def test_an_alarm_that_is_taken_back_costs_nothing() -> None:
    backoff = alarmed(FREE + 1)
    assert not backoff.over(100)
    backoff.take_back()
    assert backoff.over(100)
    backoff.reset()
    backoff.take_back()
    assert backoff.over(100)


def test_backoff_is_restored() -> None:
    backoff, other = alarmed(FREE + 1), AlarmBackoff(WINDOW)
    other.load_state_dict(backoff.state_dict())
    assert [other.over(step) for step in range(100, 130)] == [backoff.over(step) for step in range(100, 130)]
