"""The ROS 2 driver, against a simulated robot in another process; skipped without ROS 2."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crl.safety.wall import SafeCommand, SafetyWall
from crl_robots import Reading, RobotError, RobotMission, load_spec
from crl_robots.drivers.ros2 import Ros2Robot
from crl_robots.recordings.ros_messages import waypoints_of
from tests.robots.driving import drive
from tests.ros_domain import new_domain

LONG = 15.0
"""Seconds that anything may take."""


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A domain of this test's own, on this machine only."""
    pytest.importorskip("rclpy")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_DOMAIN_ID", str(new_domain()))


@pytest.fixture
def start(domain: None, repository: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    children: list[subprocess.Popen[str]] = []

    def begin(robot: str = "ugv_husky", frame: str = "odom") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.robots.fake_robot", robot, frame]
        children.append(subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True))
        assert children[-1].stdout is not None
        assert children[-1].stdout.readline() == "ready\n"
        return children[-1]

    yield begin
    for child in children:
        child.terminate()
        try:
            child.wait(LONG)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(LONG)
        assert child.stdout is not None
        child.stdout.close()


@pytest.fixture
def robot(domain: None) -> Iterator[Ros2Robot]:
    robot = Ros2Robot(load_spec("ugv_husky"), namespace="/robot1")
    robot.connect()
    yield robot
    robot.close()


def first(robot: Ros2Robot) -> Reading:
    """The first reading, once the robot listens too."""
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        reading = robot.read(timeout=0.1)
        if reading is not None and robot.commanded:
            return reading
    raise AssertionError("the robot was not heard")


def test_it_drives_a_robot_in_another_process(start: Any, robot: Ros2Robot) -> None:
    start()
    begun = first(robot)
    assert abs(begun.position[0]) < 0.2
    mission = RobotMission(robot.spec, [[0.0, 0.0], [1.2, 0.2], [2.5, 0.0]], "short")
    stops = []
    drive(robot, mission, 150, lambda r, c, w: stops.append(c.reason) if c.stopped else None)
    assert mission.done, mission.info()
    # A busy machine may deliver a message late; the wall then says so.
    assert set(stops) <= {"a stale observation", "an observation that came late", "no command was asked for in time"}


def test_when_the_robot_dies_the_wall_stops_within_its_time_out(start: Any, robot: Ros2Robot) -> None:
    child = start()
    first(robot)
    wall = SafetyWall(robot.spec.wall_settings(), clock=robot.clock)
    killed = stopped = None
    moving = 0
    end = time.monotonic() + LONG
    while stopped is None and time.monotonic() < end:
        reading = robot.read(timeout=0.02)
        if reading is not None:
            wall.observe(reading.situation())
        wall.propose([0.5, 0.0])
        command = wall.command()
        robot.command(command)
        moving += not command.stopped
        if moving == 20 and killed is None:
            child.send_signal(signal.SIGKILL)
            killed = time.monotonic()
        if killed is not None and command.stopped:
            stopped = time.monotonic()
    assert killed is not None
    assert stopped is not None
    assert command.reason == "a stale observation"
    assert command.action.tolist() == [0.0, 0.0]
    assert wall.command().stopped


def test_odometry_in_another_frame_is_refused(start: Any, robot: Ros2Robot) -> None:
    start(frame="world")
    with pytest.raises(RobotError, match="has the frame 'world', its description says 'odom'"):
        first(robot)


def test_it_takes_only_commands_of_a_wall_and_closes_twice(robot: Ros2Robot) -> None:
    with pytest.raises(RobotError, match=r"SafetyWall\.command"):
        robot.command([0.0, 0.0])  # type: ignore[arg-type]
    with pytest.raises(RobotError, match="outside the limits"):
        robot.command(SafeCommand(np.array([3.0, 0.0]), 0.0))
    with pytest.raises(RobotError, match="connected already"):
        robot.connect()
    assert robot.read() is None
    robot.close()
    robot.close()
    robot.stop()
    with pytest.raises(RobotError, match="not connected"):
        robot.read()
    robot.connect()
    assert robot.read() is None


def test_a_bad_topic_is_an_error_with_its_reason(domain: None) -> None:
    robot = Ros2Robot(load_spec("ugv_husky"), cmd_vel="cmd vel")
    with pytest.raises(RobotError, match="can't be made"):
        robot.connect()
    robot.close()


def test_a_plan_gives_waypoints_in_the_odometrys_frame() -> None:
    class Plain:
        def __init__(self, **entries: Any) -> None:
            vars(self).update(entries)

    places = [Plain(pose=Plain(position=Plain(x=float(n), y=1.0, z=0.0))) for n in range(3)]
    spec = load_spec("ugv_husky")
    path = Plain(header=Plain(frame_id="odom"), poses=[Plain(pose=place.pose) for place in places])
    assert waypoints_of(spec, path) == [(0.0, 1.0, 0.0), (1.0, 1.0, 0.0), (2.0, 1.0, 0.0)]
    path.header.frame_id = "map"
    with pytest.raises(RobotError, match="the frame 'map'"):
        waypoints_of(spec, path)


def test_without_ros_the_hint_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rclpy", None)
    with pytest.raises(RobotError, match=r"pip install 'crl\[ros\]'"):
        Ros2Robot(load_spec("ugv_husky")).connect()
