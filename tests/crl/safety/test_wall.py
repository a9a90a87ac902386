"""The wall rule by rule: what it says, and which rule wins."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from crl.safety.settings import WallSettings
from crl.safety.situation import Situation
from crl.safety.wall import SafeCommand, SafetyWall
from tests.crl.safety.robots import AIR, GROUND

QUIET = replace(GROUND, heartbeat=None)


class Drive:
    """A robot on its way, one call per period."""

    def __init__(self, settings: WallSettings = QUIET, wanted: Any = (1.0, 0.0)) -> None:
        self.now: Any = 10.0
        self.settings, self.wanted = settings, wanted
        self.wall = SafetyWall(settings, clock=lambda: self.now)
        self.number = 0

    def see(self, **changes: Any) -> str | None:
        self.number += 1
        seen = Situation(self.number, self.now, self.now, (0.0, 0.0, 2.0), 0.0, 0.0)
        return self.wall.observe(replace(seen, **changes))

    def go(self, periods: int = 1, see: bool = True, decide: bool = True) -> SafeCommand:
        for _ in range(periods):
            self.now += self.settings.period
            if see:
                self.see()
            if decide:
                self.wall.propose(self.wanted)
            command = self.wall.command()
        return command


@pytest.fixture
def drive() -> Drive:
    drive = Drive()
    command = drive.go(20)
    assert command.action.tolist() == [1.0, 0.0]
    assert not command.stopped
    assert command.reason is None
    return drive


def is_stopped(command: SafeCommand, reason: str) -> None:
    assert command.stopped
    assert command.reason == reason
    assert command.action.tolist() == [0.0, 0.0]


def break_clock(drive: Drive) -> None:
    drive.now = math.nan


def sleep(drive: Drive) -> None:
    drive.now += 0.21


def tip(drive: Drive) -> None:
    drive.now += 0.01
    assert drive.see(tilt=0.6) is None


FAULTS: list[tuple[Callable[[Drive], Any], str]] = [
    (break_clock, "a clock that gives no time"),
    (lambda d: setattr(d, "now", d.now - 1.0), "a clock that went back"),
    (lambda d: d.wall.e_stop.press(), "an e-stop"),
    (sleep, "no command was asked for in time"),
    (lambda d: d.wall._stream.restart(), "no observation yet"),
    (lambda d: d.go(4, see=False), "a stale observation"),
    (tip, "a tilt beyond the limit"),
    (lambda d: d.go(4, decide=False), "a stale decision"),
    (lambda d: d.wall.propose([math.nan, 0.0]), "an action that is not finite"),
    (lambda d: d.wall.propose([1.0]), "an action of shape (1,) instead of (2,)"),
    (lambda d: d.wall.propose("go"), "an action that is not an array of numbers"),
]


@pytest.mark.parametrize("at", range(len(FAULTS)), ids=[reason for _, reason in FAULTS])
def test_each_fault_stops_at_once_and_says_why(drive: Drive, at: int) -> None:
    fault, reason = FAULTS[at]
    fault(drive)
    if "stale" in reason:
        drive.now += 0.01
    is_stopped(drive.wall.command(), reason)
    assert drive.wall.reasons[reason] >= 1


@pytest.mark.parametrize("first", range(len(FAULTS) - 2))
def test_of_two_faults_the_earlier_rule_speaks(drive: Drive, first: int) -> None:
    """In the order of the list in the class's description; a later fault must not hide an earlier one."""
    FAULTS[-1][0](drive)
    FAULTS[first][0](drive)
    if "stale" in FAULTS[first][1]:
        drive.wall.propose("go") if "observation" in FAULTS[first][1] else drive.see()
        drive.now += 0.01
    is_stopped(drive.wall.command(), FAULTS[first][1])


def test_a_frozen_clock_stops_the_robot_after_ten_calls(drive: Drive) -> None:
    reasons = [drive.wall.command() for _ in range(12)]
    assert [c.stopped for c in reasons] == [False] * 9 + [True] * 3
    is_stopped(reasons[-1], "a clock that stands still")


def test_a_stop_comes_within_a_quarter_of_a_second_of_the_last_odometry(drive: Drive) -> None:
    last = drive.now
    while not drive.go(see=False).stopped:
        pass
    assert drive.now - last <= 0.25 + 1e-9


def test_after_a_stop_the_robot_starts_gently_by_itself(drive: Drive) -> None:
    drive.go(6, see=False)
    first, second = drive.go().action[0], drive.go().action[0]
    assert 0 < first <= 20.0 * 0.05**2 + 1e-9
    assert first < second < 1.0


def test_an_e_stop_stays_until_it_is_reset_and_old_decisions_are_forgotten(drive: Drive) -> None:
    drive.wall.e_stop.press()
    for _ in range(50):
        is_stopped(drive.go(), "an e-stop")
    assert drive.wall.reset() is None
    is_stopped(drive.go(see=False, decide=False), "no observation yet")
    is_stopped(drive.go(decide=False), "no decision yet")
    assert not drive.go().stopped


def test_a_stream_that_begins_anew_forgets_what_was_decided_and_leaves_the_e_stop_alone(drive: Drive) -> None:
    drive.wall.begin_anew()
    is_stopped(drive.go(see=False, decide=False), "no observation yet")
    is_stopped(drive.go(decide=False), "no decision yet")
    assert not drive.go().stopped
    drive.wall.e_stop.press()
    drive.wall.begin_anew()
    for _ in range(5):
        is_stopped(drive.go(), "an e-stop")


def test_an_e_stop_during_a_decision_wins(drive: Drive) -> None:
    """Pressed by another thread while the command is being made: the clock is read in between."""
    drive.now += 0.05
    drive.see()
    drive.wall.propose((1.0, 0.0))
    limiter = drive.wall._limiter
    step = limiter.step

    def pressed(*arguments: Any) -> Any:
        drive.wall.hear_e_stop(True)
        return step(*arguments)

    limiter.step = pressed  # type: ignore[method-assign]
    is_stopped(drive.wall.command(), "an e-stop")


def test_older_decisions_and_those_from_the_future_are_refused(drive: Drive) -> None:
    assert drive.wall.propose((0.5, 0.0), drive.now - 0.01) == "a decision older than the last one"
    assert drive.wall.propose((0.5, 0.0), drive.now + 0.01) == "a decision from the future"
    assert drive.wall.propose((0.5, 0.0), math.nan) == "a decision from the future"
    assert drive.go(decide=False).action.tolist() == [1.0, 0.0]


def test_a_decision_is_nobody_elses_array(drive: Drive) -> None:
    mine = np.array([1.0, 0.0])
    drive.wall.propose(mine)
    mine[:] = -1.0
    command = drive.go(decide=False)
    assert command.action.tolist() == [1.0, 0.0]
    command.action[:] = 5.0
    assert drive.go(decide=False).action.tolist() == [1.0, 0.0]


def test_before_a_wall_the_robot_slows_down_softly() -> None:
    drive = Drive()
    x, stopped, reasons = 0.0, 0, set()
    for _ in range(400):
        drive.now += 0.05
        drive.see(position=(x, 0.0, 0.0))
        drive.wall.propose((1.0, 0.0))
        command = drive.wall.command()
        x += command.action[0] * 0.05
        stopped += command.stopped
        reasons.add(command.reason)
    assert x == pytest.approx(4.0 - 0.2, abs=0.02)
    assert stopped == 0
    assert "a fence ahead" in reasons


def test_a_wall_that_is_suddenly_near_stops_the_robot(drive: Drive) -> None:
    """A jump of the odometry that is small enough to be believed: no gentle braking would do."""
    for x in (0.45, 0.95, 1.45, 1.95, 2.4, 2.85, 3.25):
        drive.now += 0.05
        assert drive.see(position=(x, 0.0, 2.0)) is None
        drive.wall.propose((1.0, 0.0))
        command = drive.wall.command()
        if x == 2.85:
            assert not command.stopped
    drive.now += 0.05
    assert drive.see(position=(3.75, 0.0, 2.0)) is None
    drive.wall.propose((1.0, 0.0))
    is_stopped(drive.wall.command(), "a fence too near")


def test_a_flying_body_holds_and_then_sinks_but_only_once_it_has_flown() -> None:
    drive = Drive(AIR, (1.0, 0.0, 0.0, 0.0))
    assert {tuple(drive.go(decide=False).action) for _ in range(100)} == {(0.0, 0.0, 0.0, 0.0)}
    drive.go(50)
    begun = drive.now
    sent = [(drive.now - begun, tuple(drive.go(see=False).action)) for _ in range(150)]
    assert sent[12][1] == (0.0, 0.0, 0.0, 0.0)
    assert sent[-1][1] == (0.0, 0.0, -0.5, 0.0)
    assert not drive.go().stopped


def test_stop_needs_neither_clock_nor_observation() -> None:
    wall = SafetyWall(QUIET, clock=lambda: None)
    is_stopped(wall.stop("deactivated"), "deactivated")
