"""The loop of a driven robot, without ROS: simulated bodies in lockstep."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from crl_ros.control import Control
from crl_ros.follower import Follower

from crl.types import Decision
from crl_robots import Reading, RobotMission, load_spec, make_robot

HUSKY = load_spec("ugv_husky")
POINTS = [[0.0, 0.0], [1.5, 0.0], [2.5, 1.0]]


class Noting(Follower):
    """A follower that keeps what it is told."""

    def __init__(self, spec: Any) -> None:
        super().__init__(spec)
        self.told: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.begun: list[int] = []
        self.trouble: BaseException | None = None
        self.answer: Any = None

    def begin(self, waypoints: int) -> None:
        self.begun.append(waypoints)

    def act(self, observation: np.ndarray) -> Decision:
        if self.trouble is not None:
            raise self.trouble
        return super().act(observation) if self.answer is None else Decision(self.answer, self.answer)

    def observe(self, observation: np.ndarray, executed: np.ndarray, next_observation: np.ndarray) -> None:
        self.told.append((observation, executed, next_observation))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def reading(sequence: int, when: float, x: float = 0.0, **changes: Any) -> Reading:
    plain = Reading(sequence, when, when, (x, 0.0, 0.1), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    return replace(plain, **changes)


def standing(rate: float, seconds: float, keep: Any = lambda n: True) -> tuple[Control, Noting]:
    """A robot that does not move, whose odometry comes at a rate (Hz), commanded at 20 Hz."""
    clock = Clock()
    driver = Noting(HUSKY)
    control = Control(HUSKY, driver, clock)
    control.plan(RobotMission(HUSKY, POINTS, "away")) if rate else None
    events = [(n / rate, n) for n in range(round(seconds * rate)) if keep(n)]
    ticks = [0.013 + 0.05 * n for n in range(round(seconds * 20))]
    for when, number in sorted([*events, *((tick, -1) for tick in ticks)]):
        clock.now = when
        if number < 0:
            control.command()
        else:
            control.hear(reading(number + 1, when))
            control.decide()
    return control, driver


@pytest.mark.parametrize(("name", "waypoints"), [("ugv_husky", 5), ("quadrotor_generic", 5)])
def test_a_mission_is_driven_to_its_end(name: str, waypoints: int) -> None:
    robot = make_robot("sim", name, lockstep=True)
    robot.connect()
    driver = Noting(robot.spec)
    control = Control(robot.spec, driver, robot.clock)
    control.plan(RobotMission(robot.spec, robot.waypoints[:waypoints], "part of the map"))  # type: ignore[attr-defined]
    for _ in range(2000):
        seen = robot.read()
        assert seen is not None
        assert control.hear(seen) is None
        control.decide()
        robot.command(control.command())
        if control.done:
            break
    assert control.done
    assert driver.begun == [waypoints]
    assert control.command().stopped
    assert control.counts["transitions"] == control.counts["decisions"] == len(driver.told)
    robot.close()


def test_transitions_join_up_and_hold_what_was_carried_out() -> None:
    """Each ends where the next begins, and its command is the one that the body says it got."""
    robot = make_robot("sim", "ugv_husky", lockstep=True)
    robot.connect()
    driver = Noting(robot.spec)
    control = Control(robot.spec, driver, robot.clock)
    control.plan(RobotMission(robot.spec, POINTS, "short"))
    sent = []
    for _ in range(40):
        seen = robot.read()
        assert seen is not None
        control.hear(seen)
        control.decide()
        command = control.command()
        robot.command(command)
        sent.append(command.action)
    names = [item.name for item in robot.spec.state]
    last = [names.index("last_speed"), names.index("last_turn_rate")]
    for number, (before, executed, after) in enumerate(driver.told):
        np.testing.assert_allclose(executed, sent[number], atol=1e-6)
        np.testing.assert_array_equal(after[last], executed)
        if number:
            np.testing.assert_array_equal(before, driver.told[number - 1][2])
    robot.close()


@pytest.mark.parametrize("rate", [10, 20, 30, 50, 100])
def test_decisions_come_at_their_own_rate_whatever_that_of_the_odometry(rate: float) -> None:
    control, driver = standing(rate, 4.0)
    assert 38 <= control.counts["decisions"] <= 41
    assert len(driver.told) == control.counts["decisions"] - 1


def test_a_step_with_a_gap_is_no_transition() -> None:
    control, driver = standing(10, 4.0, keep=lambda n: n % 4 != 3)
    assert control.counts["decisions"] == 30
    assert len(driver.told) == 20


@pytest.mark.parametrize("error", [ValueError("no plan"), MemoryError("no plan"), GeneratorExit("no plan")])
def test_a_driver_that_fails_stops_the_robot_at_once_and_is_asked_again(error: BaseException) -> None:
    clock = Clock()
    driver = Noting(HUSKY)
    control = Control(HUSKY, driver, clock)
    control.plan(RobotMission(HUSKY, POINTS, "away"))
    for number in range(1, 5):
        clock.now = 0.1 * number
        control.hear(reading(number, clock.now))
        driver.trouble = error if number == 3 else None
        assert control.decide() is (number != 3)
        command = control.command()
        assert command.stopped is (number == 3)
        assert (control.failure == f"{type(error).__name__}: no plan") is (number == 3)
    assert control.counts["failures"] == 1
    # The step in which nothing was decided teaches nothing.
    assert len(driver.told) == 2


@pytest.mark.parametrize("answer", [np.array([math.nan, 0.0]), np.array([0.1]), None, "fast", np.array([9.0, -9.0])])
def test_whatever_a_driver_answers_what_leaves_is_safe(answer: Any) -> None:
    clock = Clock()
    driver = Noting(HUSKY)
    control = Control(HUSKY, driver, clock)
    control.plan(RobotMission(HUSKY, POINTS, "away"))
    driver.answer = answer
    for number in range(1, 30):
        clock.now = 0.1 * number
        control.hear(reading(number, clock.now))
        control.decide()
        action = control.command().action
        assert np.isfinite(action).all()
        assert (np.abs(action) <= [1.0, math.pi / 2]).all()


def test_odometry_that_is_not_finite_is_not_decided_on() -> None:
    clock = Clock()
    control = Control(HUSKY, Noting(HUSKY), clock)
    control.plan(RobotMission(HUSKY, POINTS, "away"))
    control.hear(reading(1, 0.0))
    assert control.decide()
    assert not control.command().stopped
    clock.now = 0.1
    # The wall looks at the position alone; the observation is made of everything.
    assert control.hear(reading(2, 0.1, velocity=(math.nan, 0.0, 0.0))) is None
    assert not control.decide()
    assert "not finite" in str(control.failure)
    assert control.command().stopped
    clock.now = 0.2
    assert control.hear(reading(3, 0.2, x=math.nan)) is not None
    assert not control.due


@pytest.mark.parametrize("length", [0.0, 0.64, 1.6, math.nan])
def test_odometry_without_an_orientation_is_refused_and_counted(length: float) -> None:
    clock = Clock()
    control = Control(HUSKY, Noting(HUSKY), clock)
    control.plan(RobotMission(HUSKY, POINTS, "away"))
    for number in range(1, 6):
        clock.now = 0.1 * number
        bad = number > 2
        turn = (math.cos(0.7), 0.0, 0.0, math.sin(0.7))
        sent = tuple(length * part for part in turn) if bad else turn
        assert (control.hear(reading(number, clock.now, orientation=sent)) is not None) is bad
        assert control.decide() is not bad
        control.command()
    assert control.flaws == {"whose orientation is no unit quaternion": 3}
    assert control.wall.reasons["an observation whose heading is not finite"] == 3
    assert control.command().reason == "a stale observation"


def test_without_a_plan_nothing_is_decided_and_a_plan_that_is_withdrawn_stops() -> None:
    clock = Clock()
    control = Control(HUSKY, Noting(HUSKY), clock)
    control.hear(reading(1, 0.0))
    assert not control.decide()
    assert control.command().reason == "no decision yet"
    control.plan(RobotMission(HUSKY, POINTS, "away"))
    assert control.decide()
    clock.now = 0.05
    assert not control.command().stopped
    control.plan(None)
    clock.now = 0.1
    assert control.command().stopped


def test_after_the_e_stop_only_a_reset_lets_it_drive_and_nothing_old_counts() -> None:
    clock = Clock()
    driver = Noting(HUSKY)
    control = Control(HUSKY, driver, clock)
    control.plan(RobotMission(HUSKY, POINTS, "away"))

    def step(number: int) -> bool:
        clock.now = 0.1 * number
        control.hear(reading(number, clock.now))
        control.decide()
        return not control.command().stopped

    assert step(1) and step(2)
    control.wall.hear_e_stop(True)
    assert not step(3)
    assert control.reset() is not None
    control.wall.hear_e_stop(False)
    assert not step(4)
    told = len(driver.told)
    assert control.reset() is None
    assert control.command().stopped
    assert step(5)
    assert len(driver.told) == told


def jumped(
    control: Control, clock: Clock, ahead: float, seconds: float, x: float = 0.0, late: float = 0.0
) -> list[Any]:
    """What the wall makes of readings whose source's clock is ``ahead`` from now on; at 10 Hz."""
    refused = []
    for number in range(1, round(10 * seconds) + 1):
        when = 10.0 + 0.1 * number
        clock.now = when + late
        refused.append(control.hear(reading(1000 + number, clock.now, x, source=when + ahead)))
    return refused


@pytest.mark.parametrize(
    ("ahead", "x", "late", "again"),
    [
        (100.0, 0.0, 0.0, True),
        (0.5, 0.1, 0.0, True),
        (100.0, 3.0, 0.0, False),
        (0.0, 0.0, 0.3, False),
        (-5.0, 0.0, 0.0, False),
    ],
)
def test_a_source_whose_clock_stepped_ahead_is_believed_when_it_has_been_even(
    ahead: float, x: float, late: float, again: bool
) -> None:
    """Not if the robot seems to be elsewhere, and not if its messages are late or its clock went back."""
    clock = Clock()
    control = Control(HUSKY, Noting(HUSKY), clock)
    control.plan(RobotMission(HUSKY, POINTS, "away"))
    for number in range(1, 100):
        clock.now = 0.1 * number
        assert control.hear(reading(number, clock.now, source=clock.now)) is None
    clock.now = 10.0
    assert control.hear(reading(100, 10.0)) is None
    refused = jumped(control, clock, ahead, 4.0, x, late)
    assert all(refused[:20])
    assert (refused[-1] is None) is again
    assert control.counts["resynchronised"] == again


def test_a_first_message_that_came_late_does_not_shut_out_the_rest() -> None:
    clock = Clock()
    control = Control(HUSKY, Noting(HUSKY), clock)
    clock.now = 0.45
    assert control.hear(reading(1, 0.45, source=0.0)) is None
    refused = [None] * 40
    for number in range(40):
        clock.now = 0.5 + 0.1 * number
        refused[number] = control.hear(reading(2 + number, clock.now, source=clock.now))  # type: ignore[call-overload]
    assert "jumped ahead" in str(refused[0])
    assert refused[-1] is None


def test_a_delay_that_grows_gains_nothing_by_streams_that_begin_anew() -> None:
    """It grows, falls back to more than it was, and grows on: each fall looks like a clock that was set ahead."""
    clock = Clock()
    control = Control(HUSKY, Noting(HUSKY), clock)
    oldest = 0.0
    for number in range(2500):
        measured = 0.1 * number
        phase, count = measured % 50.0, measured // 50.0
        if 40.0 <= phase < 40.5:
            continue  # what waited is lost
        clock.now = measured + 0.1 * count + (0.0095 * phase if phase < 40.0 else 0.1)
        if control.hear(reading(number + 1, clock.now, source=measured)) is None:
            oldest = max(oldest, clock.now - measured)
    assert control.counts["resynchronised"] == 1
    assert oldest <= 2 * HUSKY.timeouts.observation + 1e-6


def test_a_delay_that_grows_while_the_stream_begins_anew_is_seen() -> None:
    """The source's clock is set ahead, and from then on each message takes 0.1 s longer than the one before."""
    clock = Clock()
    control = Control(HUSKY, Noting(HUSKY), clock)
    believed = []
    for number in range(120):
        measured = 0.1 * number
        clock.now = measured + max(0.1 * (number - 50), 0.0)
        stamp = measured + (100.0 if number > 50 else 0.0)
        if control.hear(reading(number + 1, clock.now, source=stamp)) is None:
            believed.append(clock.now - measured)
    assert max(believed) < 0.5


def test_an_e_stop_is_not_released_by_a_stream_that_begins_anew() -> None:
    clock = Clock()
    control = Control(HUSKY, Noting(HUSKY), clock)
    for number in range(1, 101):
        clock.now = 0.1 * number
        control.hear(reading(number, clock.now))
    control.wall.hear_e_stop(True)
    control.wall.hear_e_stop(False)
    assert all(jumped(control, clock, 100.0, 4.0))
    assert control.wall.e_stop.latched


def test_a_reading_that_was_looked_at_late_shows_the_command_of_its_own_time() -> None:
    """A command that left between a measurement and the look at it has not caused what was measured."""
    clock = Clock()
    driver = Noting(HUSKY)
    control = Control(HUSKY, driver, clock)
    control.plan(RobotMission(HUSKY, POINTS, "away"))
    sent = []
    for number in range(30):
        measured = 0.1 * number
        clock.now = measured + (0.04 if number > 10 else 0.0)
        if number > 10:
            # The executor looked at the command's timer first.
            clock.now = measured + 0.03
            sent.append(control.command().action)
            clock.now = measured + 0.04
        control.hear(reading(number + 1, clock.now, source=measured))
        control.decide()
        if number <= 10:
            clock.now = measured + 0.03
            sent.append(control.command().action)
    assert len(driver.told) == 29
    for number, (_, executed, _) in enumerate(driver.told, start=1):
        np.testing.assert_allclose(executed, sent[number - 1], atol=1e-6)
