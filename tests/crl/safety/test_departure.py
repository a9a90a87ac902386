"""A robot that goes away from its goal for too long stops; one that goes round, waits or changes its goal does not."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from crl.safety.departure import Departure
from crl.types import ObservationField, ObservationSpec
from tests.oracles import unicycle

PERIOD, SECONDS = 0.2, 10.0
FIELDS = ("x", "y", "goal_x", "goal_y", "then_x", "then_y")
ROLES = ("position", "position", "goal", "goal", "goal", "goal")


def spec() -> ObservationSpec:
    return ObservationSpec(
        tuple(ObservationField(name, "m", "linear", 0.02, role=role) for name, role in zip(FIELDS, ROLES, strict=True))
    )


def stopped(way: Callable[[float], tuple[float, float]], seconds: float, goal: tuple[float, float] = (5, 0)) -> float:
    """When (s) a robot on a way, given by the time, is stopped; infinite if it is not."""
    departure = Departure(spec(), SECONDS, PERIOD)
    for step in range(int(seconds / PERIOD)):
        x, y = way(step * PERIOD)
        seen = np.array([x, y, goal[0] - x, goal[1] - y, 0, 0], np.float32)
        if departure.sees(seen) is not None:
            return step * PERIOD
    return math.inf


def test_one_that_drives_away_stops_soon_after_the_stated_time() -> None:
    assert stopped(lambda time: (-time, 0.0), 60) == pytest.approx(SECONDS + PERIOD, abs=2 * PERIOD)


def test_one_on_a_circle_that_drifts_away_stops() -> None:
    at = stopped(lambda time: (-0.3 * time + 0.6 * math.sin(1.5 * time), 0.6 * math.cos(1.5 * time)), 60)
    assert SECONDS < at < 3 * SECONDS


@pytest.mark.parametrize(
    "way",
    [
        lambda time: (0.01 * time, 0.0),  # slow
        lambda time: (0.0, 0.0),  # stands
        lambda time: (0.6 * math.sin(time), 0.6 * math.cos(time)),  # turns on the spot
        lambda time: (-time, 0.0) if time < 8 else (min(-16 + time, 5), 0.0),  # finds out, and comes back
    ],
    ids=["slow", "stands", "circles", "comes back"],
)
def test_who_does_not_go_away_is_not_stopped(way: Callable[[float], tuple[float, float]]) -> None:
    assert stopped(way, 60) == math.inf


def test_another_goal_is_another_way() -> None:
    departure = Departure(spec(), SECONDS, PERIOD)
    for step in range(400):
        x = -0.2 * step
        goal = 5.0 + step // 40  # 8 s each
        assert departure.sees(np.array([x, 0, goal - x, 0, 0, 0], np.float32)) is None


def test_it_stays_until_the_next_mission_and_says_what_happened() -> None:
    departure = Departure(spec(), SECONDS, PERIOD)
    away = [np.array([-x, 0, 5 + x, 0, 0, 0], np.float32) for x in np.arange(0, 30, 0.2)]
    reasons = [departure.sees(one) for one in away]
    assert reasons[-1] is not None
    assert "grown for 10 s, by 10" in reasons[-1]
    assert departure.sees(away[0]) == departure.reason == reasons[-1]
    departure.begin()
    assert departure.sees(away[0]) is None


def test_numbers_that_are_not_finite_tell_nothing() -> None:
    departure = Departure(spec(), SECONDS, PERIOD)
    for value in (math.nan, math.inf, -math.inf):
        for _ in range(200):
            assert departure.sees(np.full(6, value, np.float32)) is None


def test_a_robot_without_goals_has_none_to_depart_from() -> None:
    departure = Departure(unicycle.OBSERVATION, SECONDS, PERIOD)
    for x in range(200):
        assert departure.sees(np.array([x, 0, 0], np.float32)) is None
