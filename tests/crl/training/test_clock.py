"""Each moment of a run belongs to one phase."""

from __future__ import annotations

import contextlib
import time

import pytest

from crl.training.clock import PHASES, Clock


class Times:
    """A clock that is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = self.cpu = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.wall)
        monkeypatch.setattr(time, "process_time", lambda: self.cpu)

    def move(self, seconds: float) -> None:
        self.wall += seconds
        self.cpu += seconds / 2


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    return Times(monkeypatch)


def test_nested_phases_are_not_counted_twice(times: Times) -> None:
    clock = Clock()
    times.move(1)
    with clock.phase("evaluate"):
        times.move(2)
        with clock.phase("plan"):
            times.move(4)
            with clock.phase("plan"):
                times.move(8)
        times.move(16)
    times.move(32)
    walls = {name: total["wall"] for name, total in clock.totals().items()}
    assert walls == {"plan": 12, "learn": 0, "simulate": 0, "evaluate": 18, "write": 0, "other": 33}
    assert clock.totals()["plan"]["cpu"] == 6
    assert (clock.wall_seconds, clock.cpu_seconds) == (63, 31.5)


def test_a_phase_ends_when_it_fails(times: Times) -> None:
    clock = Clock()
    with contextlib.suppress(RuntimeError), clock.phase("learn"):
        times.move(1)
        raise RuntimeError
    times.move(1)
    assert clock.totals()["learn"]["wall"] == 1
    assert clock.totals()["other"]["wall"] == 1


def test_totals_continue_over_a_resume(times: Times) -> None:
    clock = Clock()
    with clock.phase("learn"):
        times.move(5)
    state = clock.state_dict()
    other = Clock()
    times.move(1)
    other.load_state_dict(state)
    with other.phase("learn"):
        times.move(2)
    assert other.totals()["learn"]["wall"] == 7
    assert other.totals()["other"]["wall"] == 1
    assert other.wall_seconds == 8


def test_an_unknown_phase_is_named() -> None:
    # A TypeError where calls are checked against their annotations.
    with pytest.raises((ValueError, TypeError), match=r"(?s)plann.*plan.*learn"):
        Clock().phase("plann")  # type: ignore[arg-type]
    assert len(PHASES) == 6
