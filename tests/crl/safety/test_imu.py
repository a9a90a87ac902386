"""The IMU's part of the wall: never heard it is never missed, heard it must go on and be finite."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crl.safety.imu import Inertial
from crl.safety.settings import Landing
from crl.safety.situation import Situation
from crl.safety.wall import SafeCommand, SafetyWall
from tests.crl.safety.robots import AIR

FLYING = replace(AIR, heartbeat=None, landing=Landing(1.0, 0.5))
LEVEL = Inertial(0.0, 0.0, 0.0, (0.0, 0.0, 0.0))


class Flight:
    """Odometry at 50 Hz, decisions and commands with it; an IMU when asked."""

    def __init__(self) -> None:
        self.now, self.number = 10.0, 0
        self.wall = SafetyWall(FLYING, clock=lambda: self.now)

    def imu(self, **changes: Any) -> str | None:
        return self.wall.hear_imu(replace(LEVEL, **{"received": self.now, "source": self.now, **changes}))

    def go(self, periods: int = 1, imu: bool = True) -> SafeCommand:
        for _ in range(periods):
            self.now += FLYING.period
            self.number += 1
            assert self.wall.observe(Situation(self.number, self.now, self.now, (0, 0, 2.0), 0.0, 0.0)) is None
            if imu:
                assert self.imu() is None
            self.wall.propose([1.0, 0.0, 0.0, 0.0])
            command = self.wall.command()
        return command


def test_without_an_imu_nothing_is_missed() -> None:
    flight = Flight()
    assert flight.go(50, imu=False).reason is None
    assert flight.wall.imu.heard is None


@pytest.mark.parametrize("tilt", [1.01, -1.01, math.pi])
def test_a_tilt_stops_between_two_observations_and_ends_with_the_next_message(tilt: float) -> None:
    flight = Flight()
    assert not flight.go(20).stopped
    flight.now += 0.005
    assert flight.imu(tilt=tilt) is None
    command = flight.wall.command()
    assert command.stopped and command.reason == "a tilt beyond the limit"
    assert not command.action.any()
    assert not flight.go().stopped


def test_silence_holds_then_lands_while_odometry_goes_on_and_ends_when_it_is_heard_again() -> None:
    flight = Flight()
    flight.go(20)
    assert not flight.go(10, imu=False).stopped
    command = flight.go(imu=False)
    assert command.stopped and command.reason == "an IMU that fell silent"
    assert flight.go(60, imu=False).action.tolist() == [0.0, 0.0, -0.5, 0.0]
    assert not flight.go().stopped


@pytest.mark.parametrize(
    "changes",
    [
        {"tilt": math.nan},
        {"rates": (0.0, math.inf, 0.0)},
        {"rates": (0.0, 0.0)},
        {"rates": "fast"},
        {"tilt": True},
        {"source": math.nan},
        {"source": 10**400},
        {"tilt": None, "rates": None},
    ],
)
def test_what_can_not_be_used_stops_at_once_even_as_the_first_message(changes: dict[str, Any]) -> None:
    for before in (0, 20):
        flight = Flight()
        flight.go(20, imu=False)
        for _ in range(before):
            flight.go()
        reason = flight.imu(**changes)
        assert reason is not None
        flight.now += 0.001
        assert flight.wall.command().reason == reason
        assert flight.go(imu=False).stopped
        assert not flight.go().stopped


@pytest.mark.parametrize("changes", [{"source": 10.0}, {"source": 0.0}, {"source": 10_000.0}])
def test_old_messages_and_those_of_another_clock_refresh_nothing(changes: dict[str, Any]) -> None:
    flight = Flight()
    flight.go(20)
    commands = []
    for _ in range(15):
        assert flight.imu(**changes, tilt=3.0) is not None
        commands.append(flight.go(imu=False))
    assert not any(command.stopped for command in commands[:9])
    assert commands[-1].reason == "an IMU that fell silent"


def test_only_a_reset_forgets_an_imu() -> None:
    flight = Flight()
    flight.go(20)
    flight.go(20, imu=False)
    flight.wall.begin_anew()
    assert flight.go(imu=False).reason == "an IMU that fell silent"
    assert flight.wall.reset() is None
    assert not flight.go(2, imu=False).stopped


def test_after_the_clock_was_set_back_the_imu_is_believed_again() -> None:
    flight = Flight()
    flight.go(20)
    flight.wall.begin_anew()
    assert flight.imu(source=1.0) is None


ANY = st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=2), st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(ANY, ANY, ANY, st.one_of(ANY, st.tuples(ANY, ANY, ANY))), max_size=20))
def test_whatever_an_imu_says_nothing_is_raised_and_a_tilt_or_refusal_never_moves(messages: list[Any]) -> None:
    flight = Flight()
    flight.go(20)
    for received, source, tilt, rates in messages:
        refused = flight.imu(received=received, source=source, tilt=tilt, rates=rates)
        flight.now += 0.001
        command = flight.wall.command()
        if flight.wall.imu.wrong is not None or (refused is None and tilt is not None and abs(tilt) > FLYING.tilt):
            assert command.stopped
        flight.go(imu=False)
