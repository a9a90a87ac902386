"""The fence: the rule wall by wall, and a body that really drives, really late, and really brakes."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crl.safety.fence import Approach, Fence, hold_back, outward_share
from crl.safety.limits import SafetyError
from crl.safety.settings import WallSettings
from crl.safety.situation import Situation
from crl.safety.wall import SafetyWall
from tests.crl.safety.robots import AIR, GROUND

BOX = Fence((-5.0, -5.0, 0.5), (5.0, 5.0, 4.0))
WAY = Approach(delay=0.25, horizontal=3.0, vertical=2.0)


@given(st.floats(-10, 10), st.floats(-8, 8), st.floats(-10, 10))
def test_the_worst_direction_of_a_turn_is_found(direction: float, turn: float, wall: float) -> None:
    sampled = np.cos(direction + np.linspace(0, turn, 4001) - wall).max()
    assert outward_share(direction, turn, wall) == pytest.approx(sampled, abs=1e-5)


@pytest.mark.parametrize(
    ("command", "position", "heading", "expected"),
    [
        ((1.0, 0.0), (0, 0, 0), 0.0, 1.0),  # far away
        ((1.0, 0.0), (6, 0, 0), 0.0, 0.0),  # beyond: not further out
        ((-1.0, 0.0), (6, 0, 0), 0.0, -1.0),  # but backwards, inwards
        ((1.0, 0.0), (6, 0, 0), math.pi, 1.0),  # or forwards, inwards
        ((1.0, 0.0), (6, 0, 0), math.pi / 2 + 0.01, 1.0),  # along the wall, a little inwards
        ((1.0, 1.5), (0, 5.0, 0), 0.0, 0.0),  # along it, but turning out
        ((1.0, -1.5), (0, 5.0, 0), -0.01, 1.0),
    ],
)
def test_on_the_ground(
    command: tuple[float, float], position: tuple[int, ...], heading: float, expected: float
) -> None:
    held = hold_back("ground", command, position, heading, BOX, WAY)
    assert held == pytest.approx([expected, command[1]], abs=1e-9)


def test_in_the_air_each_direction_has_its_walls() -> None:
    # Nose to the left (+y): vx is towards +y, vy towards -x.
    held = hold_back("air", (2.0, 0.0, 1.0, 0.0), (0.0, 5.5, 5.0), math.pi / 2, BOX, WAY)
    assert held == pytest.approx([0.0, 0.0, 0.0, 0.0])
    held = hold_back("air", (-2.0, 1.0, -1.0, 0.0), (0.0, 5.5, 5.0), math.pi / 2, BOX, WAY)
    assert held == pytest.approx([-2.0, 1.0, -1.0, 0.0])
    held = hold_back("air", (0.0, 0.0, -1.0, 0.0), (0.0, 0.0, 0.3), 0.0, BOX, WAY)
    assert held == pytest.approx([0.0, 0.0, 0.0, 0.0])


def test_a_slowed_body_keeps_its_direction() -> None:
    held = hold_back("air", (3.0, 1.0, 0.0, 0.0), (4.9, 0.0, 2.0), 0.0, BOX, WAY)
    assert 0 < held[0] < 3.0
    assert held[1] / held[0] == pytest.approx(1 / 3)


@pytest.mark.parametrize("low", [(0.0, 0.0, 5.0), (0.0, 6.0, 0.0), (math.nan, 0.0, 0.0)])
def test_an_impossible_fence_is_refused(low: tuple[float, float, float]) -> None:
    with pytest.raises(SafetyError, match=r"along [xyz]"):
        Fence(low, (5.0, 5.0, 5.0))


class Body:
    """A body that follows its commands as fast as its brakes allow, and tells where it is with a delay."""

    def __init__(self, settings: WallSettings, position: list[float]) -> None:
        self.settings, self.position, self.heading = settings, position, 0.0
        self.command = [0.0] * settings.limits.size
        self.past = [(list(position), 0.0)]

    def drive(self, command: list[float], seconds: float) -> None:
        steps = 20
        for _ in range(steps):
            change = [a * seconds / steps for a in self.settings.limits.acceleration]
            self.command = [v + min(max(w - v, -c), c) for v, w, c in zip(self.command, command, change, strict=True)]
            ahead, *other, turn = self.command
            left, up = other or (0.0, 0.0)
            cosine, sine = math.cos(self.heading), math.sin(self.heading)
            moved = (ahead * cosine - left * sine, ahead * sine + left * cosine, up)
            self.position = [p + v * seconds / steps for p, v in zip(self.position, moved, strict=True)]
            self.heading += turn * seconds / steps
        self.past.append((list(self.position), self.heading))


@pytest.mark.parametrize("robot", [GROUND, AIR], ids=["ground", "air"])
@given(seed=st.integers(0, 2**32 - 1), delayed=st.integers(0, 2))
@settings(max_examples=12)
def test_a_body_that_wants_out_stays_inside(robot: WallSettings, seed: int, delayed: int) -> None:
    stay_inside(robot, seed, delayed)


@pytest.mark.slow
@pytest.mark.parametrize("robot", [GROUND, AIR], ids=["ground", "air"])
@given(seed=st.integers(0, 2**32 - 1), delayed=st.integers(0, 2))
@settings(max_examples=120)
def test_many_bodies_that_want_out_stay_inside(robot: WallSettings, seed: int, delayed: int) -> None:
    stay_inside(robot, seed, delayed)


def stay_inside(robot: WallSettings, seed: int, delayed: int) -> None:
    """Drive a body that wants to leave for 500 commands; its observations are ``delayed`` periods old."""
    rng = np.random.default_rng(seed)
    now = [0.0]
    wall, body = SafetyWall(robot, clock=lambda: now[0]), Body(robot, [0.0, 0.0, 2.0])
    limits, outside, furthest = robot.limits, 0.0, math.inf
    wanted = np.array(limits.high)
    for step in range(1, 500):
        if rng.random() < 0.03:
            wanted = np.where(rng.random(limits.size) < 0.5, limits.low, limits.high)
            wanted[-1] *= rng.integers(0, 2)
        now[0] += robot.period
        position, heading = body.past[max(len(body.past) - 1 - delayed, 0)]
        wall.hear_e_stop(False)
        wall.observe(Situation(step, now[0], now[0] - delayed * robot.period, tuple(position), heading, 0.0))
        wall.propose(wanted)
        body.drive(wall.command().action.tolist(), robot.period)
        for low, high, here in zip(robot.fence.low, robot.fence.high, body.position, strict=True):
            outside = max(outside, low - here, here - high)
            furthest = min(furthest, here - low, high - here)
    assert outside <= 1e-6
    assert furthest < 1.5, "the body never came near a wall: nothing was tried"
