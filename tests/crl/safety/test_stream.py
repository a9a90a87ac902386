"""Which messages are believed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from crl.safety.situation import Situation
from crl.safety.stream import Stream

LATE = 0.2


def message(number: int, **changes: Any) -> Situation:
    """The message of a robot that stands still, one every 50 ms; its clock is 1,000 s ahead."""
    time = 0.05 * number
    return replace(Situation(number, time, time + 1000.0, (1.0, 2.0, 0.0), 0.3, 0.0), **changes)


@pytest.fixture
def stream() -> Stream:
    stream = Stream(LATE, top_speed=1.0, jump=0.5)
    for number in range(1, 5):
        assert stream.offer(message(number), 0.05 * number) is None
    return stream


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (None, "of type NoneType"),
        ({"position": 1}, "of type dict"),
        (message(5, position=(1.0, 2.0)), "position is not three numbers"),
        (message(5, position=(1.0, math.nan, 0.0)), "position is not finite"),
        (message(5, position=(1.0, 10**400, 0.0)), "position is not finite"),
        (message(5, heading=math.inf), "heading is not finite"),
        (message(5, tilt="much"), "tilt is not a number"),
        (message(5, tilt=True), "tilt is not a number"),
        (message(5, source=None), "source is not a number"),
        (message(5, received=9.0), "from the future"),
        (message(5, received=0.1), "received before"),
        (message(5, sequence=4), "copy or out of order"),
        (message(5, sequence=3), "copy or out of order"),
        (message(5, source=1000.2), "did not advance"),
        (message(5, source=1.0), "did not advance"),
        (message(5, source=1000.2 + 0.05 + 0.21), "jumped ahead"),
        (message(5, position=(1.6, 2.0, 0.0)), "position jumped"),
    ],
)
def test_what_does_not_follow_is_refused_and_changes_nothing(stream: Stream, bad: Any, why: str) -> None:
    latest, measured = stream.latest, stream.measured
    refused = stream.offer(bad, 0.25)
    assert refused is not None
    assert why in refused
    assert (stream.latest, stream.measured) == (latest, measured)
    assert stream.offer(message(5), 0.25) is None


def test_a_message_that_was_long_under_way_is_late_though_the_clocks_differ(stream: Stream) -> None:
    assert stream.offer(message(5, received=0.25 + 0.19), 0.44) is None
    assert stream.measured == pytest.approx(0.25, abs=0.005)
    assert stream.offer(message(6, received=0.3 + 0.21), 0.51) == "an observation that came late"


def test_a_lasting_delay_is_late_for_ever(stream: Stream) -> None:
    for number in range(5, 2000):
        time = 0.05 * number
        assert stream.offer(message(number, received=time + 0.5), time + 0.5) == "an observation that came late"
    stream.restart()
    assert stream.offer(message(2000, received=100.5), 100.5) is None


def test_a_fast_clock_of_the_source_may_drift_for_ever(stream: Stream) -> None:
    """A slow one may not: see :mod:`tests.crl.safety.test_delays`."""
    for number in range(5, 1500):
        time = 0.05 * number
        assert stream.offer(message(number, source=1000.0 + time * 1.009), time) is None
    assert stream.drift == 0


def test_after_a_jump_messages_are_believed_once_time_explains_it(stream: Stream) -> None:
    there = (2.7, 2.0, 0.0)
    believed = [stream.offer(message(n, position=there), 0.05 * n) is None for n in range(5, 40)]
    # 1.7 m away at 1 m/s, 0.5 m at once: 1.2 s after the last message believed.
    assert believed.index(True) == pytest.approx(1.2 / 0.05, abs=1)
    assert all(believed[believed.index(True) :])
