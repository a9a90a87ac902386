from __future__ import annotations

import itertools

import pytest

from crl.benchmarks.timing import interleaved, median


def test_works_are_done_in_turn_and_the_first_round_does_not_count() -> None:
    done: list[str] = []
    ticks = itertools.count()
    times = interleaved(
        {"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 2, clock=lambda: float(next(ticks))
    )
    assert done == ["a", "b"] * 3
    assert times == {"a": [1000.0, 1000.0], "b": [1000.0, 1000.0]}


def test_a_time_is_that_of_its_own_work() -> None:
    now = [0.0]

    def work(seconds: float) -> None:
        now[0] += seconds

    times = interleaved({1: lambda: work(0.5), 2: lambda: work(0.25)}, 3, clock=lambda: now[0])
    assert times == {1: [500.0] * 3, 2: [250.0] * 3}
    assert median(times[2]) == 250.0


def test_nothing_is_measured_in_no_round() -> None:
    with pytest.raises(ValueError, match="one round at least"):
        interleaved({"a": lambda: None}, 0)
