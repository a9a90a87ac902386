"""The beat of commands, and the thread that stops a robot whose loop hangs."""

from __future__ import annotations

import threading

import pytest
from crl_ros.lifeguard import Lifeguard
from crl_ros.pace import MOST, Gaps, Pace


@pytest.mark.parametrize("phase", [0.0, 0.004, 0.012, 0.025, 0.0499])
@pytest.mark.parametrize("messages", [0.05, 0.1])
def test_the_beat_moves_to_the_middle_between_messages(phase: float, messages: float) -> None:
    """Messages at a fixed rate, beats that begin anywhere: in the end they are half a period apart."""
    pace = Pace(0.05)
    beat, message, periods = phase, 0.0, []
    while beat < 60.0:
        while message < beat:
            pace.arrived(beat - message)
            message += messages
        periods.append(pace.next())
        beat += periods[-1]
    # The next message comes half a period after the beat, or one and a half where only each second beat has one.
    assert (message - beat) % 0.05 == pytest.approx(0.025, abs=0.003)
    assert all(abs(period - 0.05) <= MOST * 0.05 + 1e-12 for period in periods)


def test_gaps_are_counted_but_not_over_a_pause() -> None:
    gaps = Gaps(0.1)
    for now in (0.0, 0.1, 0.2, 0.36, 0.46):
        gaps.mark(now)
    assert gaps.missed == 1
    assert gaps.longest == pytest.approx(0.16)
    gaps.pause()
    gaps.mark(9.0)
    assert gaps.missed == 1


def test_a_loop_that_hangs_is_rescued_again_and_again_until_it_comes_back() -> None:
    rescued = threading.Semaphore(0)
    guard = Lifeguard(0.05, rescued.release)
    assert rescued.acquire(timeout=10)
    assert rescued.acquire(timeout=10)
    assert guard.rescues == 1
    guard.pat()
    guard.close()
    assert not guard._thread.is_alive()


def test_a_loop_that_is_alive_is_left_alone() -> None:
    calls: list[int] = []
    guard = Lifeguard(60.0, lambda: calls.append(1))
    for _ in range(100):
        guard.pat()
    guard.close()
    assert calls == []
