"""The bank of CUSUMs against theory: delay, false alarms, and when a change began."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crl.memory.recall.watch import NONE, THRESHOLD, Watch


def normal(x: float, mean: float) -> float:
    """Log-likelihood of a unit normal, less a constant."""
    return -0.5 * (x - mean) ** 2


def delay(shift: float, seed: int, rival: float = 0.0) -> int:
    """Steps from a change to its alarm; before it, the sums have run for 50 steps."""
    rng, watch = np.random.default_rng(seed), Watch()
    for now in range(50_000):
        x = rng.normal(shift if now >= 50 else 0.0)
        alarm = watch.update(now, [(1, normal(x, shift)), (2, normal(x, rival - 9))], normal(x, 0.0))
        if alarm is not None:
            assert alarm.regime == 1
            return now - 49
    raise AssertionError("no alarm")


@pytest.mark.parametrize("shift", [1.0, 2.0])
def test_the_delay_is_what_theory_says(shift: float) -> None:
    # Lorden: about h / I steps, where I = shift^2 / 2 nats is a step's information, and a little overshoot.
    delays = [delay(shift, seed) for seed in range(200)]
    expected = THRESHOLD / (shift**2 / 2)
    assert 0.75 * expected <= np.mean(delays) <= 1.25 * expected + 2


def test_false_alarms_are_as_rare_as_promised() -> None:
    # At h = ln 100 the mean time between false alarms is at least 100 steps.
    rng, watch, alarms = np.random.default_rng(0), Watch(threshold=math.log(100)), 0
    for now in range(20_000):
        x = rng.normal()
        if watch.update(now, [(1, normal(x, 1.0))], normal(x, 0.0)) is not None:
            alarms += 1
            watch.reset()
    assert 1 <= alarms <= 200


def test_an_alarm_takes_two_steps_however_large_the_evidence() -> None:
    watch = Watch()
    assert watch.update(0, [(1, 0.0)], -1e9) is None
    alarm = watch.update(1, [(1, 0.0)], -1e9)
    assert alarm is not None
    assert (alarm.regime, alarm.steps, alarm.since) == (1, 2, 0)


def test_the_change_is_dated_by_when_the_sum_left_zero() -> None:
    watch = Watch()
    for now in range(30):
        assert watch.update(now, [(1, -1.0)], 0.0) is None
    assert watch.since is None
    watch.update(30, [(1, 3.0)], 0.0)
    assert watch.since == 30
    alarm = None
    for now in range(31, 40):
        alarm = alarm or watch.update(now, [(1, 3.0)], 0.0)
    assert alarm is not None
    assert alarm.since == 30


def test_the_highest_sum_wins() -> None:
    watch = Watch()
    watch.update(0, [(1, 5.0), (2, 4.0), (NONE, 1.0)], 0.0)
    watch.update(1, [(1, 5.0), (2, 4.0), (NONE, 1.0)], 0.0)
    alarm = watch.update(2, [(1, 5.0), (2, 5.7), (NONE, 1.0)], 0.0)
    assert alarm is not None
    assert alarm.regime == 1


def test_what_is_not_a_number_is_no_evidence() -> None:
    watch = Watch()
    for now in range(10):
        assert watch.update(now, [(1, math.nan)], 0.0) is None
    assert watch.level(1) == 0.0


def test_the_sums_are_restored() -> None:
    watch, other = Watch(), Watch()
    watch.update(3, [(1, 2.0), (NONE, 1.0)], 0.0)
    other.load_state_dict(watch.state_dict())
    assert other.level(1) == watch.level(1)
    assert other.since == 3
