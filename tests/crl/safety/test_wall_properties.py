"""No sequence of inputs yields an unsafe command: :mod:`tests.crl.safety.checker` says what that is."""

from __future__ import annotations

import math
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from crl.safety.settings import WallSettings
from crl.safety.situation import Situation
from crl.safety.wall import SafetyWall
from tests.crl.safety.checker import Checker
from tests.crl.safety.robots import AIR, GROUND

ROBOTS = pytest.mark.parametrize("robot", [GROUND, AIR], ids=["ground", "air"])
wild = st.floats(allow_nan=True, allow_infinity=True)
small = st.floats(-5.0, 5.0)
anything = st.one_of(wild, st.none(), st.text(max_size=2), st.booleans(), st.integers(-(10**400), 10**400))
junk = st.one_of(
    anything,
    st.lists(anything, max_size=5),
    st.builds(Situation, anything, anything, anything, st.one_of(anything, st.tuples(*[anything] * 3)), wild, anything),
)


def actions(size: int) -> st.SearchStrategy[Any]:
    mild = st.lists(small, min_size=size, max_size=size)
    return st.one_of(
        mild,
        mild,
        mild,
        st.lists(wild, min_size=size, max_size=size),
        st.lists(wild, max_size=size + 2),
        mild.map(lambda a: np.array(a, np.float32)),
        junk,
    )


def events(size: int) -> st.SearchStrategy[tuple[str, Any]]:
    """What may happen between two commands: mostly ordinary things, so that the robot moves at all."""
    odometry = st.tuples(
        st.floats(0.0, 0.3),  # under way (s)
        st.integers(-2, 1),  # added to the sequence: copies and old ones
        st.tuples(*[st.floats(-10.0, 10.0)] * 3),
        st.floats(-7.0, 7.0),
        st.sampled_from([0.0, 0.1, 0.7, 2.0]),
    )
    tilt = st.sampled_from([0.05, 0.05, 0.05, 2.0])
    common = [
        st.tuples(st.just("tick"), st.floats(0.0, 0.06)),
        st.tuples(st.just("good odometry"), st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), small, tilt)),
        st.tuples(st.just("decide"), actions(size)),
    ]
    rare = [
        st.tuples(st.just("clock"), st.sampled_from([-10.0, -0.01, 0.0, 0.15, 0.25, 5.0])),
        st.tuples(st.just("bad clock"), st.sampled_from([math.nan, math.inf, None, "now"])),
        st.tuples(st.just("freeze"), st.integers(8, 14)),
        st.tuples(st.just("odometry"), odometry),
        st.tuples(st.just("junk"), junk),
        st.tuples(st.just("again"), st.integers(1, 3)),
        st.tuples(st.just("button"), st.one_of(st.just(False), st.just(False), anything)),
        st.tuples(st.just("press"), st.none()),
        st.tuples(st.just("reset"), st.none()),
    ]
    return st.one_of(*common * 3, *rare)


class Bench:
    """A wall, its checker, and the world between them."""

    def __init__(self, robot: WallSettings, start: float, offset: float) -> None:
        self.now: Any = start
        self.true = start
        self.offset = offset
        self.wall = SafetyWall(robot, clock=lambda: self.now)
        self.checker = Checker(robot)
        self.sequence = 0
        self.place = [0.0, 0.0, 2.0]
        self.sent: list[Any] = []
        self.moved = 0

    def time(self) -> float:
        return self.now if isinstance(self.now, float) else math.nan

    def message(self, message: Any) -> None:
        self.sent.append(message)
        self.checker.saw(message)
        self.wall.observe(message)

    def command(self) -> None:
        command = self.wall.command()
        self.checker.check(command, self.time())
        self.moved += not command.stopped

    def happen(self, kind: str, value: Any) -> None:
        if kind in ("tick", "clock"):
            self.now = self.true = self.true + value
        elif kind == "bad clock":
            self.now = value
            self.command()
            self.now = self.true
        elif kind == "freeze":
            for _ in range(value):
                self.command()
        elif kind == "good odometry":
            self.sequence += 1
            self.place = [p + d for p, d in zip(self.place, (value[0], value[1], 0.0), strict=True)]
            self.message(
                Situation(self.sequence, self.true, self.true - self.offset, tuple(self.place), value[2], value[3])
            )
        elif kind == "odometry":
            late, added, position, heading, tilt = value
            self.sequence += added
            self.message(Situation(self.sequence, self.true, self.true - late - self.offset, position, heading, tilt))
        elif kind == "junk":
            self.message(value)
        elif kind == "again" and len(self.sent) >= value:
            self.message(self.sent[-value])
        elif kind == "decide":
            self.checker.decided(value, self.time())
            self.wall.propose(value)
        else:
            self.press(kind, value)

    def press(self, kind: str, value: Any) -> None:
        if kind == "button":
            self.checker.button(value, self.time())
            self.wall.hear_e_stop(value)
        elif kind == "press":
            self.checker.pressed = True
            self.wall.e_stop.press()
        elif kind == "reset" and self.wall.reset() is None:
            self.checker.reset()


@ROBOTS
@given(data=st.data(), start=st.floats(0.0, 1e5), offset=st.sampled_from([0.0, -1.7e9, 3.0]))
@settings(max_examples=100, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
def test_nothing_that_happens_makes_a_command_unsafe(
    robot: WallSettings, data: st.DataObject, start: float, offset: float
) -> None:
    bench = Bench(robot, start, offset)
    bench.happen("button", False)
    for kind, value in data.draw(st.lists(events(robot.limits.size), min_size=5, max_size=60)):
        bench.happen(kind, value)
        bench.command()


@ROBOTS
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_long_rides_with_rare_faults(robot: WallSettings, seed: int) -> None:
    """Ten seconds each, in which the robot does move: otherwise the promise above would be cheap."""
    rng = np.random.default_rng(seed)
    bench = Bench(robot, 100.0, 50.0)
    bench.happen("button", False)
    reach = np.array(robot.limits.high)
    wanted = rng.uniform(-1.5, 1.5, robot.limits.size) * reach
    silent, silence = "", 0
    for _ in range(round(10 / robot.period)):
        if rng.random() < 0.05:
            wanted = rng.uniform(-1.5, 1.5, robot.limits.size) * reach
        if rng.random() < 0.01:
            silent, silence = ("good odometry", "decide", "button")[rng.integers(3)], round(0.4 / robot.period)
        silence -= 1
        jump = 10.0 if rng.random() < 0.02 else 1.0
        tilt = 2.0 if rng.random() < 0.02 else 0.05
        bench.happen("tick", rng.uniform(0.2, 1.6) * robot.period)
        for kind, value in (
            ("button", False),
            ("good odometry", (*rng.uniform(-0.03, 0.03, 2) * jump, rng.uniform(-3, 3), tilt)),
            ("decide", wanted),
        ):
            if silence <= 0 or kind != silent:
                bench.happen(kind, value)
        if rng.random() < 0.01:
            faults = [("clock", -0.5), ("clock", 1.0), ("bad clock", math.nan), ("press", None), ("again", 1)]
            bench.happen(*faults[rng.integers(len(faults))])
        if rng.random() < 0.2:
            bench.happen("reset", None)
        bench.command()
    assert bench.moved > 0.2 * 10 / robot.period
