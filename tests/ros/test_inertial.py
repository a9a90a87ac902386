"""The IMU in the loop of a driven robot; the node's ear for it without any process."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from crl_ros.control import Control
from crl_ros.follower import Follower

from crl.types import Decision
from crl_robots import Reading, RobotMission, load_spec
from crl_robots.imu import ImuReading

QUADROTOR = load_spec("quadrotor_generic")
NAMES = [item.name for item in QUADROTOR.state]
TILTED = (math.cos(0.1), math.sin(0.1), 0.0, 0.0)
"""0.2 rad about x: roll."""


class Loop:
    """A hovering robot with odometry at 50 Hz."""

    def __init__(self) -> None:
        self.now, self.number = 10.0, 0
        self.seen: list[np.ndarray] = []
        driver = Follower(QUADROTOR)
        act = driver.act

        def noting(observation: np.ndarray) -> Decision:
            self.seen.append(observation)
            return act(observation)

        driver.act = noting  # type: ignore[method-assign]
        self.control = Control(QUADROTOR, driver, lambda: self.now)
        self.control.plan(RobotMission(QUADROTOR, [[0.0, 0.0, 1.5], [9.0, 0.0, 1.5]], "away"))

    def odometry(self) -> None:
        self.now += 0.02
        self.number += 1
        place, turn, none = (0.0, 0.0, 1.5), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
        assert self.control.hear(Reading(self.number, self.now, self.now, place, turn, none, none)) is None

    def decide(self) -> dict[str, float]:
        assert self.control.decide(), self.control.failure
        return dict(zip(NAMES, self.seen[-1].tolist(), strict=True))


def test_the_observation_has_the_newer_of_both() -> None:
    loop = Loop()
    loop.odometry()
    assert loop.decide()["roll"] == 0.0
    loop.odometry()
    loop.now += 0.005
    assert loop.control.hear_imu(ImuReading(loop.now, loop.now, TILTED, (0.0, 0.0, 0.7))) is None
    seen = loop.decide()
    assert (seen["roll"], seen["yaw_rate"]) == (pytest.approx(0.2), pytest.approx(0.7))
    assert not loop.control.command().stopped
    loop.now -= 0.005
    loop.odometry()
    seen = loop.decide()
    assert (seen["roll"], seen["yaw_rate"]) == (0.0, 0.0)


def test_what_is_refused_is_not_observed() -> None:
    loop = Loop()
    loop.odometry()
    loop.now += 0.005
    assert loop.control.hear_imu(ImuReading(loop.now, loop.now, None, (0.0, 0.0, math.nan))) is not None
    assert loop.decide()["yaw_rate"] == 0.0
    assert loop.control.command().stopped


def message(loop: Loop, roll: float = 0.0, frame: str = "base_link") -> Any:
    second = int(loop.now)
    stamp = SimpleNamespace(sec=second, nanosec=round(1e9 * (loop.now - second)))
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=frame, stamp=stamp),
        orientation=SimpleNamespace(w=math.cos(roll / 2), x=math.sin(roll / 2), y=0.0, z=0.0),
        orientation_covariance=[0.0] * 9,
        angular_velocity=SimpleNamespace(x=0.0, y=0.0, z=0.0),
        angular_velocity_covariance=[0.0] * 9,
    )


def test_the_ear_stops_once_when_trouble_begins_and_says_what_it_is() -> None:
    pytest.importorskip("rclpy")
    from crl_ros.inertial import ImuListener

    loop, troubles, stops = Loop(), {}, []
    ear = ImuListener(
        None,  # type: ignore[arg-type]
        loop.control,
        lambda subject, error: troubles.update({subject: str(error)}),
        troubles,
        lambda: stops.append(loop.control.command()),
    )
    assert ear.state == "none"
    for _ in range(3):
        loop.odometry()
        loop.decide()
        ear.hear(message(loop))
        assert not loop.control.command().stopped
    assert (ear.state, troubles, stops) == ("heard", {}, [])
    for _ in range(3):
        loop.now += 0.004
        ear.hear(message(loop, roll=1.2))
    assert [stop.reason for stop in stops] == ["a tilt beyond the limit"]
    loop.now += 0.004
    ear.hear(message(loop))
    assert ear.state == "heard"
    loop.now += 0.004
    ear.hear(message(loop, frame="imu_link"))
    assert stops[-1].stopped and len(stops) == 2
    assert "'imu_link'" in troubles["imu"]
    loop.now += 0.004
    ear.hear(message(loop))
    assert troubles == {}
    for _ in range(12):
        loop.odometry()
    ear.look()
    assert "fallen silent" in troubles["imu"]
    assert ear.state == "an IMU that fell silent"
    assert loop.control.reset() is None
    ear.look()
    assert (ear.state, troubles) == ("none", {})


def test_the_simulated_quadrotor_has_an_imu_that_its_agent_hears(domain: int, tmp_path: Path) -> None:
    from crl_ros.driving import Drive

    del domain
    with Drive("quadrotor_generic", logs=tmp_path) as drive:
        drive.start()
        drive.go()
        drive.conductor.wait(lambda: drive.values().get("imu") == "heard", 30.0, "a word of the IMU")
        assert int(drive.values()["count.imu"]) > 0
