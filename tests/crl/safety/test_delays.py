"""Messages that take longer and longer: by their stamps they look like those of a slow clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crl.safety.fence import Fence
from crl.safety.settings import WallSettings
from crl.safety.situation import Situation
from crl.safety.stream import Stream
from crl.safety.wall import SafetyWall
from tests.crl.safety.robots import AIR, GROUND
from tests.crl.safety.test_fence import Body

LATE = 0.2
PERIOD = 0.05
Lag = Callable[[float], float]


def growing(rate: float) -> Lag:
    """A lag (s) that grows by ``rate`` seconds a second."""
    return lambda time: rate * time


def stepping(step: float, every: float) -> Lag:
    return lambda time: step * math.floor(time / every)


def jumping(size: float, at: float, slope: float) -> Lag:
    return lambda time: slope * time + (size if time >= at else 0.0)


def sawtooth(size: float, rest: float, every: float) -> Lag:
    """Grows by ``size`` and falls back to ``rest`` more than it began with, again and again."""
    return lambda time: rest * math.floor(time / every) + size * (time / every % 1)


LAGS = {
    "slowly": growing(0.0095),
    "just as fast as a clock may drift": growing(0.00999),
    "in small steps": stepping(0.0018, 0.2),
    "in large steps": stepping(0.15, 20.0),
    "by a jump and then slowly": jumping(0.19, 5.0, 0.009),
    "up and down": sawtooth(0.3, 0.1, 40.0),
}


def arrivals(lag: Lag, seconds: float) -> list[tuple[float, float]]:
    """When each message arrives and was measured (s), in order of arrival; one is measured every 50 ms."""
    made = [PERIOD * number for number in range(round(seconds / PERIOD))]
    return sorted((when + max(lag(when), 0.0), when) for when in made)


def believed_ages(messages: Sequence[tuple[float, float]], offset: float) -> list[float]:
    """How long after its measurement each message came (s) that a stream believes."""
    stream, ages = Stream(LATE, top_speed=1.0, jump=0.5), []
    for number, (arrived, measured) in enumerate(messages):
        seen = Situation(number, arrived, measured + offset, (0.0, 0.0, 0.0), 0.0, 0.0)
        if stream.offer(seen, arrived) is None:
            ages.append(arrived - measured)
            assert 0 <= stream.drift <= LATE + 1e-6  # stamps of seconds since 1970 have no finer steps
            # Put down to the drift or seen as age: nothing of the delay is forgotten.
            assert arrived - stream.measured + stream.drift >= arrived - measured - 1e-6
    return ages


@pytest.mark.parametrize("lag", LAGS.values(), ids=LAGS)
def test_a_delay_that_grows_is_not_taken_for_drift_beyond_the_time_out(lag: Lag) -> None:
    ages = believed_ages(arrivals(lag, 100.0), 0.0)
    assert len(ages) > 100
    assert max(ages) <= 2 * LATE + 1e-9


segment = st.tuples(
    st.sampled_from(["slope", "step", "back"]),
    st.floats(0.0, 0.3),
    st.floats(0.5, 15.0),
)


@given(st.lists(segment, min_size=1, max_size=6), st.sampled_from([0.0, -1.7e9, 3.0]))
@settings(max_examples=25)
def test_however_a_delay_grows_no_message_is_believed_that_is_too_old(
    segments: list[tuple[str, float, float]], offset: float
) -> None:
    """Slopes up to 2 %, steps up and back, in any order."""
    times, lags = [0.0, 1.0], [0.0, 0.0]
    for kind, size, lasting in segments:
        change = {"slope": min(size, 0.02 * lasting), "step": size, "back": -size}[kind]
        lags += [max(lags[-1] + (change if kind != "slope" else 0.0), 0.0), max(lags[-1] + change, 0.0)]
        times += [times[-1] + 1e-3, times[-1] + lasting]

    def lag(time: float) -> float:
        return float(np.interp(time, times, lags))

    ages = believed_ages(arrivals(lag, times[-1]), offset)
    assert max(ages) <= 2 * LATE + 1e-6


@pytest.mark.parametrize("rate", [50e-6, 0.003, 0.009])
def test_a_slow_clock_is_believed_until_it_has_lost_the_time_out_and_again_after_a_reset(rate: float) -> None:
    stream = Stream(LATE, 1.0, 0.5)
    lasts = min(LATE / rate, 60.0)
    for begin in (0.0, 1000.0):
        stream.restart()
        for number in range(round(lasts / PERIOD)):
            time = begin + PERIOD * number
            message = Situation(number, time, time * (1 - rate), (0.0, 0.0, 0.0), 0.0, 0.0)
            assert stream.offer(message, time) is None
            # It counts as fresh all the while.
            assert time - stream.measured < 1e-6
        assert stream.drift == pytest.approx(rate * lasts, rel=0.02)


def test_a_stream_that_follows_the_clock_remembers_the_delay_and_a_restart_does_not() -> None:
    stream = Stream(LATE, 1.0, 0.5)
    here = (0.0, 0.0, 0.0)
    assert stream.offer(Situation(1, 0.0, 0.0, here, 0.0, 0.0), 0.0) is None
    stream.follow()
    assert stream.offer(Situation(2, 1.0, 0.85, here, 0.0, 0.0), 1.0) is None
    assert stream.drift == pytest.approx(0.15)
    stream.follow()
    assert stream.offer(Situation(3, 2.0, 1.5, here, 0.0, 0.0), 2.0) == "an observation that came late"
    # The clock was set ahead: the fastest message is a new one.
    assert stream.offer(Situation(4, 3.0, 100.0, here, 0.0, 0.0), 3.0) is None
    assert stream.drift == 0
    stream.restart()
    assert stream.offer(Situation(5, 4.0, 0.0, here, 0.0, 0.0), 4.0) is None


# ---------------------------------------------------------------------- the fence
TURN = 6.0
"""Seconds after which the body is sent the other way."""
ROBOTS = {
    "ground": replace(GROUND, heartbeat=None, fence=Fence((-2.0, -5.0, -math.inf), (2.0, 5.0, math.inf), 0.1)),
    "air": replace(AIR, period=0.05, fence=Fence((-6.0, -8.0, 0.5), (6.0, 9.0, 6.0), 0.1)),
}


class Ride:
    """A body that is sent from wall to wall as fast as it goes, and whose odometry lags."""

    def __init__(self, robot: WallSettings, lag: Lag, seconds: float) -> None:
        self.outside, self.moved_with_a_lag = -math.inf, 0
        now = [0.0]
        wall, body = SafetyWall(robot, clock=lambda: now[0]), Body(robot, [0.0, 0.0, 2.0])
        waiting: list[tuple[float, float, tuple[float, ...], float]] = []
        number = 0
        for step in range(round(seconds / robot.period)):
            time = now[0] = step * robot.period
            waiting.append((time + lag(time), time, tuple(body.position), body.heading))
            waiting.sort()
            while waiting and waiting[0][0] <= time:
                _, measured, position, heading = waiting.pop(0)
                number += 1
                wall.observe(Situation(number, time, measured, position, heading, 0.0))
            wanted = [0.0] * robot.limits.size
            wanted[0] = robot.limits.high[0] if time // TURN % 2 == 0 else robot.limits.low[0]
            wall.propose(wanted)
            command = wall.command()
            self.moved_with_a_lag += not command.stopped and lag(time) > LATE / 2
            body.drive(command.action.tolist(), robot.period)
            there = (body.position[0] - robot.fence.high[0], robot.fence.low[0] - body.position[0])
            self.outside = max(self.outside, *there)


@pytest.mark.parametrize("robot", ROBOTS.values(), ids=ROBOTS)
@pytest.mark.parametrize("lag", LAGS.values(), ids=LAGS)
def test_a_body_whose_odometry_lags_more_and_more_stays_behind_the_fence(robot: WallSettings, lag: Lag) -> None:
    ride = Ride(robot, lag, 32.0)
    assert ride.outside <= 1e-6
    assert ride.outside > -1.0, "the body never came near a wall: nothing was tried"
    assert ride.moved_with_a_lag > 20


def test_a_robot_that_has_stopped_for_drift_drives_again_after_a_reset() -> None:
    robot = replace(ROBOTS["ground"], fence=Fence())
    now = [0.0]
    wall = SafetyWall(robot, clock=lambda: now[0])

    def drives(begin: float, seconds: float) -> bool:
        for number in range(round(seconds / PERIOD)):
            now[0] = begin + PERIOD * number
            wall.observe(Situation(round(now[0] / PERIOD), now[0], 0.992 * now[0], (0.0, 0.0, 0.0), 0.0, 0.0))
            wall.propose([0.5, 0.0])
            command = wall.command()
        return not command.stopped

    assert drives(0.0, 26.0)
    assert wall.drift == pytest.approx(LATE, abs=0.01)
    assert not drives(26.0, 30.0)
    assert wall.reasons["an observation that came late"] > 0
    assert wall.reset() is None
    assert drives(56.0, 20.0)
