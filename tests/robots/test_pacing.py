"""Periods on a clock that the test turns by hand."""

from __future__ import annotations

import pytest

from crl_robots.drivers.pacing import Pacer


class Hand:
    def __init__(self) -> None:
        self.time = 500.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def hand() -> Hand:
    return Hand()


def test_nothing_is_due_before_its_time(hand: Hand) -> None:
    pacer = Pacer(0.1, monotonic=lambda: hand.time)
    assert pacer.due() == []
    hand.time += 0.0999
    assert pacer.due() == []
    hand.time += 0.0002
    assert pacer.due() == pytest.approx([0.1])
    assert pacer.due() == []


def test_missed_periods_are_made_up_for_one_by_one(hand: Hand) -> None:
    pacer = Pacer(0.1, monotonic=lambda: hand.time)
    hand.time += 0.45
    assert pacer.due() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    hand.time += 0.06
    assert pacer.due() == pytest.approx([0.5])
    assert (pacer.made_up, pacer.given_up) == (3, 0)


def test_more_than_a_second_is_given_up_and_the_schedule_goes_on(hand: Hand) -> None:
    pacer = Pacer(0.1, monotonic=lambda: hand.time)
    hand.time += 3.05
    assert pacer.due() == pytest.approx([2.1 + 0.1 * at for at in range(10)])
    assert (pacer.made_up, pacer.given_up) == (9, 20)
    hand.time += 0.06
    assert pacer.due() == pytest.approx([3.1])


def test_waiting_sleeps_until_the_period_or_the_time_out(hand: Hand) -> None:
    pacer = Pacer(0.1, monotonic=lambda: hand.time, sleep=hand.sleep)
    assert pacer.wait(1.0) == pytest.approx([0.1])
    assert pacer.wait(0.03) == []
    assert sum(hand.slept) == pytest.approx(0.13, abs=1e-5)


def test_a_scaled_activity(hand: Hand) -> None:
    pacer = Pacer(0.1, scale=4.0, monotonic=lambda: hand.time, sleep=hand.sleep)
    assert pacer.wait(1.0) == pytest.approx([0.1])
    assert sum(hand.slept) == pytest.approx(0.025, abs=1e-5)
    assert pacer.now() == pytest.approx(0.1)


def test_ten_thousand_periods_do_not_drift(hand: Hand) -> None:
    pacer = Pacer(0.02, monotonic=lambda: hand.time, sleep=hand.sleep)
    times = [due for _ in range(10_000) for due in pacer.wait(1.0)]
    assert len(times) == 10_000
    assert hand.time - 500.0 == pytest.approx(200.0, abs=1e-3)
