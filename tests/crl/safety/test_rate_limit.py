"""Velocity, acceleration and jerk limited together, over any sequence of intervals."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from crl.safety.braking import closing_speed
from crl.safety.limits import Limits
from crl.safety.rate_limit import RateLimiter

steps = st.lists(st.tuples(st.floats(-2.0, 3.0), st.floats(1e-3, 1.0)), min_size=1, max_size=60)


def limits(acceleration: float, jerk: float) -> Limits:
    return Limits(("v",), ("m/s",), (-2.0,), (3.0,), (acceleration,), (jerk,), (0.0,))


@given(steps, st.floats(0.1, 20.0), st.floats(0.1, 500.0))
@settings(max_examples=300)
def test_all_three_limits_hold_at_once(wanted: list[tuple[float, float]], acceleration: float, jerk: float) -> None:
    limiter = RateLimiter(limits(acceleration, jerk))
    value = slope = 0.0
    for target, elapsed in wanted:
        (moved,) = limiter.step([target], elapsed)
        new = (moved - value) / elapsed
        assert -2.0 <= moved <= 3.0
        assert abs(new) <= acceleration * (1 + 1e-9) + 1e-9
        assert abs(new - slope) <= jerk * elapsed * (1 + 1e-9) + 1e-9
        value, slope = moved, new


@pytest.mark.parametrize("target", [3.0, -2.0, 0.4])
@pytest.mark.parametrize("period", [0.1, 0.02])
def test_a_target_is_reached_without_going_past_it_and_in_good_time(target: float, period: float) -> None:
    acceleration, jerk = 3.0, 20.0
    limiter, passed, value = RateLimiter(limits(acceleration, jerk)), 0.0, 0.0
    while value != pytest.approx(target, abs=1e-3):
        (value,) = limiter.step([target], period)
        passed += period
        assert abs(value) <= abs(target) + 1e-12
        assert passed < 20
    # Continuous time, from rest to rest: no profile is faster than this one.
    way = abs(target)
    ramps = 2 * math.sqrt(way / jerk) if way < acceleration**2 / jerk else way / acceleration + acceleration / jerk
    assert passed <= 1.35 * ramps + 4 * period


def test_at_the_limit_full_acceleration_does_not_overshoot() -> None:
    """The case in which the three limits would disagree, if nobody looked ahead."""
    limiter = RateLimiter(limits(5.0, 5.0))
    values = [limiter.step([3.0], 0.01)[0] for _ in range(1000)]
    assert max(values) <= 3.0
    assert values[-1] == pytest.approx(3.0, abs=1e-6)


def test_a_restart_begins_at_rest() -> None:
    limiter = RateLimiter(limits(3.0, 20.0))
    for _ in range(5):
        limiter.step([3.0], 0.1)
    limiter.restart([1.0])
    assert limiter.value == [1.0]
    assert limiter.step([3.0], 0.1)[0] <= 1.0 + 20.0 * 0.1**2 + 1e-12


@given(st.floats(0.0, 1e4), st.floats(0.0, 10.0), st.floats(1e-3, 1e3))
def test_closing_speed_uses_all_of_the_distance(distance: float, delay: float, deceleration: float) -> None:
    speed = closing_speed(distance, delay, deceleration)
    assert speed * delay + speed**2 / (2 * deceleration) == pytest.approx(distance, rel=1e-6, abs=1e-12)


def test_closing_speed_at_the_ends() -> None:
    assert closing_speed(-1.0, 0.1, 1.0) == 0.0
    assert closing_speed(math.inf, 0.1, 1.0) == math.inf
