"""Transitions from a bag are those that happened, and what can't be used is named and left out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")

from crl_robots import RobotError, RobotMission, load_spec, observe
from crl_robots.recordings.demonstrations import BagData
from tests.robots.recordings import Ride, record, ride

ENV, OPTIONS = "crl/UGVMission-v0", {"body": "kinematic", "fault": {}}
GENERIC = load_spec("ugv_generic")


@pytest.fixture(scope="module")
def drive() -> Ride:
    return ride("ugv_generic", 60)


def read(path: Path, **options: Any) -> dict[str, Any]:
    return BagData.read(str(path), ENV, OPTIONS, **options)


def test_transitions_are_what_happened(drive: Ride, tmp_path: Path) -> None:
    told = read(record(tmp_path, drive))
    assert told["period"] == pytest.approx(0.2)
    assert told["observation"][2] == ("heading", "rad")
    assert told["action"][0] == ("speed", "m/s", -1.0, 1.0)
    assert (told["messages"], told["left_out"]) == (60, {})
    [(observations, actions)] = told["segments"]
    assert observations.shape == (60, 10)
    np.testing.assert_allclose(actions, drive.commands[1:], atol=1e-6)
    points = [
        drive.readings[0].position,
        max((r.position for r in drive.readings), key=lambda p: math.dist(p, drive.readings[0].position)),
    ]
    mission = RobotMission(GENERIC, points, "test")
    mission.begin(drive.readings[0].position)
    for reading, last, seen in zip(drive.readings, drive.commands, observations, strict=True):
        mission.advance(reading.position)
        np.testing.assert_allclose(observe(GENERIC, reading, mission, last), seen, atol=1e-5)


def test_faster_odometry_is_thinned_out(drive: Ride, tmp_path: Path) -> None:
    """At 20 Hz for a robot that decides 5 times a second: every fourth is used."""
    spread = []
    for reading in drive.readings:
        spread += [replace(reading, source=reading.source + 0.05 * k) for k in range(4)]
    told = read(record(tmp_path, Ride(spread, [c for c in drive.commands for _ in range(4)])))
    assert sum(len(actions) for _, actions in told["segments"]) == 59
    assert told["left_out"] == {"odometry between two decisions": 180}


def test_slower_odometry_is_refused(drive: Ride, tmp_path: Path) -> None:
    slow = Ride(drive.readings[::2], drive.commands[::2])
    with pytest.raises(RobotError, match=r"comes 2.5 times a second, ugv_generic decides 5 times\nrecord it"):
        read(record(tmp_path, slow))


def test_gaps_copies_jumps_and_silence_cut_stretches(drive: Ride, tmp_path: Path) -> None:
    readings, commands = list(drive.readings), list(drive.commands)
    readings[40] = replace(readings[40], position=(90.0, 0.0, 0.0))  # there and back: two jumps
    readings.insert(30, readings[29])
    commands.insert(30, commands[29])
    del readings[10:12], commands[10:12]
    told = read(record(tmp_path, Ride(readings, commands)))
    assert told["left_out"] == {
        "a gap in the odometry": 1,
        "odometry that is a copy, or late": 1,
        "a jump of the position": 2,
    }
    assert [len(actions) for _, actions in told["segments"]] == [9, 27, 18]


def test_readings_that_are_not_finite_are_left_out(drive: Ride, tmp_path: Path) -> None:
    readings = list(drive.readings)
    readings[20] = replace(readings[20], velocity=(math.nan, 0.0, 0.0))
    told = read(record(tmp_path, Ride(readings, drive.commands)))
    assert told["left_out"] == {"odometry that is not finite": 1, "a gap in the odometry": 1}
    assert all(np.isfinite(observations).all() for observations, _ in told["segments"])


def test_what_happened_without_a_command_is_left_out(drive: Ride, tmp_path: Path) -> None:
    """The receiver has stopped the robot by itself: nobody knows how."""
    folder = record(tmp_path / "a", Ride(drive.readings[:2], drive.commands[:2]))
    from crl_robots.recordings.recorder import Recorder, definitions
    from crl_robots.recordings.ros_messages import ODOMETRY
    from tests.robots.test_bags import START, odometry

    more = Recorder(folder, "more", definitions())
    for reading in drive.readings[2:]:
        time = START + round(reading.source * 1e9)
        more.record("/ugv1/odom", ODOMETRY, odometry(reading, time), time)
    more.close()
    told = read(folder)
    assert set(told["left_out"]) == {"no command in force"}
    assert sum(len(actions) for _, actions in told["segments"]) + told["left_out"]["no command in force"] == 59
    assert sum(len(actions) for _, actions in told["segments"]) <= 3  # within the receiver's time-out


def test_other_frames_and_topics_are_refused(drive: Ride, tmp_path: Path) -> None:
    with pytest.raises(RobotError, match="has the frame 'map', its description says 'odom'"):
        read(record(tmp_path / "a", drive, frame="map"))
    with pytest.raises(RobotError, match="the bag has no topic 'odometry'"):
        read(record(tmp_path / "b", drive), odom="odometry")


def test_the_robot_is_the_one_that_the_environment_simulates(drive: Ride, tmp_path: Path) -> None:
    folder = record(tmp_path, drive)
    with pytest.raises(RobotError, match=r"no robot .* has the simulated body mine/Own-v0 with \{\}\nname"):
        BagData.read(str(folder), "mine/Own-v0", {})
    told = BagData.read(str(folder), "mine/Own-v0", {}, robot="ugv_generic")
    assert told["segments"]


def test_a_recorded_plan_without_a_length_and_a_robot_that_stands_are_read(drive: Ride, tmp_path: Path) -> None:
    """Nobody judges a recording by its plan: the way is made of where the robot was."""
    told = read(record(tmp_path / "a", drive))
    folder = record(tmp_path / "b", drive)
    from crl_robots.recordings.recorder import Recorder, definitions
    from tests.robots.test_bags import START
    from tests.robots.test_ride import PATH, plan

    more = Recorder(folder, "plan", definitions())
    more.record("/ugv1/plan", PATH, plan([[52.520008, 13.404954], [52.520010, 13.404958]]), START)
    more.close()
    np.testing.assert_array_equal(read(folder)["segments"][0][0], told["segments"][0][0])
    still = [replace(reading, position=(0.001 * n, 0.0, 0.0)) for n, reading in enumerate(drive.readings)]
    assert len(read(record(tmp_path / "c", Ride(still, drive.commands)))["segments"][0][1]) == 59


def test_what_looks_like_a_bag(tmp_path: Path) -> None:
    (tmp_path / "x.mcap").write_bytes(b"")
    assert BagData.fits(str(tmp_path))
    assert BagData.fits("anywhere/drive.mcap")
    assert not BagData.fits(str(tmp_path / "nothing"))
    assert not BagData.fits("minari:mine/own-v0")
