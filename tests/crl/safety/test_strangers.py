"""What the wall is told may raise anything when it is read: a reason is given, and a safe command leaves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np
import pytest

from crl.safety.imu import Inertial
from crl.safety.situation import Situation
from crl.safety.strangers import attempt, real
from crl.safety.wall import SafetyWall
from tests.crl.safety.robots import GROUND
from tests.crl.safety.strangers import ERRORS, Panic, Raising

SEEN = Situation(2, 1.0, 1.0, (0.0, 0.0, 0.0), 0.0, 0.0)
FELT = Inertial(1.0, 1.0, 0.0, (0.0, 0.0, 0.0))
EACH = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


@Real.register
class NoNumber(Raising):
    """Says that it is a real number."""


class Hidden(Situation):
    """A message that raises when it is read."""

    def __getattribute__(self, name: str) -> Any:
        raise Panic(name)


@EACH
@pytest.mark.parametrize("name", ["sequence", "received", "source", "heading", "tilt", "position"])
def test_an_observation_is_refused_whatever_its_numbers_raise(error: BaseException, name: str) -> None:
    bad = NoNumber(error)
    wall = SafetyWall(GROUND, clock=lambda: 2.0)
    for value in (bad, (bad, bad, bad) if name == "position" else [bad]):
        assert wall.observe(replace(SEEN, **{name: value})) is not None
    assert wall.reasons.total() == 2
    assert wall.observe(SEEN) is None


@EACH
@pytest.mark.parametrize("name", ["received", "source", "tilt", "rates"])
def test_an_imu_message_is_refused_whatever_its_numbers_raise(error: BaseException, name: str) -> None:
    bad = NoNumber(error)
    wall = SafetyWall(GROUND, clock=lambda: 2.0)
    assert wall.hear_imu(replace(FELT, **{name: (bad, bad, bad) if name == "rates" else bad})) is not None
    assert wall.imu.trouble(2.0) is not None


@EACH
def test_a_clock_a_button_and_the_time_of_a_decision_may_raise_anything(error: BaseException) -> None:
    def clock() -> float:
        raise error

    wall = SafetyWall(GROUND, clock=clock)
    command = wall.command()
    assert (command.stopped, command.reason) == (True, "a clock that gives no time")
    wall = SafetyWall(GROUND, clock=lambda: 2.0)
    assert wall.propose([0.0, 0.0], NoNumber(error)) == "a decision whose time is not a number"
    wall.hear_e_stop(Raising(error))
    assert wall.command().reason == "an e-stop"


def test_messages_that_can_not_be_read_at_all() -> None:
    wall = SafetyWall(GROUND, clock=lambda: 2.0)
    assert wall.observe(Hidden(2, 1.0, 1.0, (0.0, 0.0, 0.0), 0.0, 0.0)) == "an observation that can't be read"
    assert wall.hear_imu(Hidden(2, 1.0, 1.0, (0.0, 0.0, 0.0), 0.0, 0.0)) == "an IMU message that can't be read"
    assert wall.command().stopped


@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(1)], ids=["Ctrl-C", "exit"])
def test_what_ends_the_program_passes(end: BaseException) -> None:
    def fail() -> None:
        raise end

    with pytest.raises(type(end)):
        attempt(fail)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (Fraction(1, 4), 0.25),
        (10**400, math.inf),
        (-1e301, math.inf),
        (True, None),
        ("1", None),
        (1j, None),
        (None, None),
    ],
)
def test_real_numbers_become_plain_floats(number: Any, expected: float | None) -> None:
    found = real(number)
    assert found == expected
    assert found is None or type(found) is float


@pytest.mark.parametrize("make", [float, np.float64, np.float32, Fraction], ids=lambda make: make.__name__)
def test_numbers_of_other_makes_are_believed(make: Callable[[float], Any]) -> None:
    wall = SafetyWall(GROUND, clock=lambda: 2.0)
    numbers = {name: make(1.0) for name in ("received", "source", "heading")}
    assert wall.observe(replace(SEEN, position=[make(1.0)] * 3, **numbers)) is None
