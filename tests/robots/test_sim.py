"""Simulated bodies as robots."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from crl.safety.wall import SafeCommand, SafetyWall
from crl_robots import SPECS, Robot, RobotError, RobotMission, load_spec, make_robot
from crl_robots.drivers.sim import SimRobot
from tests.robots.driving import drive


def command(*action: float) -> SafeCommand:
    return SafeCommand(np.array(action), 0.0)


@pytest.fixture
def husky() -> Any:
    robot = SimRobot(load_spec("ugv_husky"), lockstep=True)
    yield robot
    robot.close()


@pytest.mark.parametrize(("name", "waypoints"), [("ugv_husky", 8), ("ugv_generic", 8), ("quadrotor_generic", 12)])
def test_a_mission_through_the_wall(name: str, waypoints: int) -> None:
    """Simulation, wall, mission and observation together: the waypoints are reached, and nothing stops on the way."""
    robot = make_robot("sim", name, lockstep=True)
    assert isinstance(robot, SimRobot)
    assert isinstance(robot, Robot)
    robot.connect()
    mission = RobotMission(robot.spec, robot.waypoints[:waypoints], "part of the map")
    stops = []
    drive(robot, mission, 3000, lambda r, c, w: stops.append(c.reason) if c.stopped and r.sequence > 1 else None)
    assert mission.done
    assert stops == []
    assert robot.info["reached"] >= waypoints - 1
    robot.close()
    robot.close()


def test_readings_are_numbered_and_stamped(husky: SimRobot) -> None:
    husky.connect()
    readings = [husky.read() for _ in range(4)]
    assert [r.sequence for r in readings if r] == [1, 2, 3, 4]
    assert [r.source for r in readings if r] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert husky.clock() == pytest.approx(0.3)


def test_the_same_seed_gives_the_same_drive() -> None:
    def positions() -> list[Any]:
        robot = SimRobot(load_spec("ugv_husky"), lockstep=True, seed=7)
        robot.connect()
        found = []
        for _ in range(20):
            reading = robot.read()
            assert reading is not None
            robot.command(command(1.0, 0.5))
            found.append(reading.position)
        robot.close()
        return found

    assert positions() == positions()


def test_without_commands_the_body_stops_by_itself(husky: SimRobot) -> None:
    husky.connect()
    husky.read()
    husky.command(command(1.0, 0.0))
    speeds = []
    for _ in range(15):
        reading = husky.read()
        assert reading is not None
        speeds.append(reading.velocity[0])
    assert max(speeds[:6]) > 0.9
    assert abs(speeds[-1]) < 0.05


def test_stop_stops(husky: SimRobot) -> None:
    husky.connect()
    for _ in range(5):
        husky.read()
        husky.command(command(1.0, 0.0))
    husky.stop()
    for _ in range(5):
        reading = husky.read()
    assert reading is not None
    assert abs(reading.velocity[0]) < 0.05


@pytest.mark.parametrize(
    "bad", [np.array([0.1, 0.0]), [0.1, 0.0], None, command(2.0, 0.0), command(0.1), command(float("nan"), 0.0)]
)
def test_only_commands_of_this_robots_wall_are_taken(husky: SimRobot, bad: Any) -> None:
    husky.connect()
    with pytest.raises(RobotError, match=r"SafetyWall.command|outside the limits"):
        husky.command(bad)
    np.testing.assert_array_equal(husky._action, [0, 0])


def test_an_unconnected_robot_says_so(husky: SimRobot) -> None:
    husky.stop()
    with pytest.raises(RobotError, match=r"not connected\ncall connect"):
        husky.read()
    husky.connect()
    with pytest.raises(RobotError, match="connected already"):
        husky.connect()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"waypoints": "nowhere"}, "can't be made"),
        ({"fault": {"sidez": [1, 1]}}, "did you mean 'sides'"),
        ({"wheels": 3}, "can't be made"),
        ({"time_scale": 0}, "time_scale"),
    ],
)
def test_impossible_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RobotError, match=message):
        make_robot("sim", "ugv_husky", **options).connect()


def test_a_body_of_another_rate_is_refused() -> None:
    with pytest.raises(RobotError, match=r"decides every 0\.1 s, its simulated body every 0\.2 s"):
        make_robot("sim", "ugv_husky", body="kinematic").connect()


def test_drivers_by_name() -> None:
    with pytest.raises(RobotError, match="did you mean 'replay'"):
        make_robot("repaly", "ugv_husky")
    with pytest.raises(RobotError, match="does not take these options"):
        make_robot("replay", "ugv_husky", speed=3)


def test_in_real_time_the_body_keeps_pace_with_the_clock() -> None:
    """Ten times as fast: late and early calls, and the body is where the clock says."""
    robot = SimRobot(load_spec("ugv_generic"), time_scale=10.0)
    robot.connect()
    first = robot.read()
    assert first is not None
    assert first.sequence == 1
    last = first
    began = time.monotonic()
    for _ in range(10):
        reading = robot.read(timeout=5.0)
        assert reading is not None
        assert reading.source > last.source
        assert reading.received >= reading.source
        last = reading
        robot.command(command(1.0, 0.0))
    assert (time.monotonic() - began) * 10 >= 10 * 0.2 - 0.05
    # While nobody looks, the body goes on, and then stops because nobody commands it.
    before = last.sequence
    while robot.clock() < last.source + 0.99:
        time.sleep(0.001)
    reading = robot.read()
    assert reading is not None
    assert reading.sequence >= before + 4
    assert robot.missed >= 3
    robot.close()


def test_a_wall_on_the_robots_clock_stops_a_robot_that_is_not_read() -> None:
    robot = SimRobot(load_spec("ugv_husky"), lockstep=True)
    robot.connect()
    reading = robot.read()
    assert reading is not None
    wall = SafetyWall(robot.spec.wall_settings(), clock=robot.clock)
    wall.observe(reading.situation())
    wall.propose([1.0, 0.0])
    assert not wall.command().stopped
    robot.read()
    wall.propose([1.0, 0.0])
    assert not wall.command().stopped
    for _ in range(2):
        robot.read()
        wall.propose([1.0, 0.0])
        command = wall.command()
    assert command.reason == "a stale observation"
    robot.close()


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_package_imports_no_simulator_no_ros_and_no_learner(name: str) -> None:
    code = (
        "import sys, crl_robots; from crl_robots import *; from crl_robots.drivers import sim, replay, ros2;"
        f"s = load_spec({name!r}); make_robot('sim', s);"
        "print([m for m in ('torch', 'mujoco', 'pybullet', 'rclpy', 'rosbags') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
