"""One gate for orientations: the wall, the agent and the recordings see the same one, or none."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from crl.safety.wall import SafetyWall
from crl_robots import Reading, RobotError, RobotMission, geometry, load_spec, observe
from crl_robots.imu import ImuReading, refined
from crl_robots.recordings.demonstrations import BagData
from crl_robots.recordings.recorder import Recorder, definitions
from crl_robots.recordings.ros_messages import ODOMETRY, TWIST_STAMPED
from crl_robots.ride import BagRecording
from tests.robots.test_bags import START, command, odometry

HUSKY = load_spec("ugv_husky")
STILL = (0.0, 0.0, 0.0)
TURNED = (math.cos(math.radians(40)), 0.0, 0.0, math.sin(math.radians(40)))
"""80 degrees to the left."""
WRONG = {
    "w dropped": (0.0, *TURNED[1:]),
    "times 1.6": tuple(1.6 * part for part in TURNED),
    "times 0.98": tuple(0.98 * part for part in TURNED),
    "never set": (0.0, 0.0, 0.0, 0.0),
    "not finite": (math.nan, 0.0, 0.0, 1.0),
    "infinite": (math.inf, 0.0, 0.0, 0.0),
}
EACH = pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)


def reading(orientation: Any, number: int = 1) -> Reading:
    when = 0.1 * number
    return Reading(number, when, when, (0.05 * number, 0.0, 0.0), orientation, STILL, STILL)


def seen_by_the_agent(read: Reading) -> float:
    """The heading (rad) in the observation."""
    mission = RobotMission(HUSKY, [[0.0, 0.0], [5.0, 0.0]], "way")
    mission.begin(read.position)
    at = [item.name for item in HUSKY.state].index("heading")
    return float(observe(HUSKY, read, mission, HUSKY.limits.safe)[at])


def seen_by_the_wall(read: Reading) -> float | None:
    """The heading (rad) that the wall believes, if it does."""
    wall = SafetyWall(HUSKY.wall_settings(), clock=lambda: read.received)
    return None if wall.observe(read.situation()) is not None else read.situation().heading


@given(st.tuples(*[st.floats(-2.0, 2.0)] * 4), st.one_of(st.none(), st.floats(0.98, 1.02)))
def test_wall_and_agent_see_the_same_heading_or_neither_sees_one(
    parts: tuple[float, float, float, float], length: float | None
) -> None:
    given_length = math.hypot(*parts)
    if length is not None and given_length > 0.1:
        parts = (*(part * length / given_length for part in parts),)  # type: ignore[assignment]
    read = reading(parts)
    if abs(math.hypot(*parts) - 1) > geometry.UNIT:
        assert read.flaw == "whose orientation is no unit quaternion"
        assert seen_by_the_wall(read) is None
        with pytest.raises(RobotError, match="not finite"):
            seen_by_the_agent(read)
    else:
        assert read.flaw is None
        assert math.hypot(*read.orientation) == pytest.approx(1.0, abs=1e-12)
        heading = read.situation().heading
        assert seen_by_the_agent(read) == pytest.approx(heading, abs=1e-6)
        assert geometry.heading(read.orientation) == heading


@EACH
def test_what_is_no_unit_quaternion_gives_no_heading_to_anyone(sent: Any) -> None:
    read = reading(sent)
    assert all(map(math.isnan, read.orientation))
    assert seen_by_the_wall(read) is None
    with pytest.raises(RobotError, match="not finite"):
        seen_by_the_agent(read)
    assert math.isnan(ImuReading(0.0, 0.0, sent, None).inertial().tilt)


def test_what_was_normalised_once_stays_as_it_is() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        once = geometry.unit(_near_unit(rng))
        assert geometry.unit(once) == once


def _near_unit(rng: np.random.Generator) -> list[float]:
    parts = rng.normal(size=4)
    return [float(part) for part in parts / np.linalg.norm(parts) * rng.uniform(0.992, 1.008)]


def test_a_newer_imu_message_of_nearly_unit_length_gives_the_same_attitude_to_both() -> None:
    turn = tuple(1.005 * part for part in (math.cos(0.2), math.sin(0.2), 0.0, 0.0))
    imu = ImuReading(1.0, 1.0, turn, None)  # type: ignore[arg-type]
    made = refined(reading(TURNED), imu)
    assert imu.inertial().tilt == pytest.approx(0.4)
    assert made.situation().tilt == pytest.approx(0.4)
    assert math.hypot(*made.orientation) == pytest.approx(1.0, abs=1e-12)


# ---------------------------------------------------------------------- recordings
def record(folder: Path, orientations: dict[int, Any], messages: int = 60) -> Path:
    """A drive whose odometry has some orientations as they were sent; the others are :data:`TURNED`."""
    recorder = Recorder(folder, "drive", definitions())
    for number in range(messages):
        sent = SimpleNamespace(**vars(reading(TURNED, number)))
        sent.orientation = orientations.get(number, TURNED)
        time = START + round(sent.source * 1e9)
        recorder.record("/odom", ODOMETRY, odometry(sent, time), time)  # type: ignore[arg-type]
        recorder.record("/cmd_vel", TWIST_STAMPED, command([0.5, 0.0], time), time + 10**6)
    recorder.close()
    return folder


@EACH
def test_recorded_readings_without_an_orientation_are_left_out_counted_and_said(sent: Any, tmp_path: Path) -> None:
    bag = record(tmp_path, {20: sent, 21: sent})
    shown = BagRecording.read(bag, "ugv_husky")
    assert "odometry whose orientation is no unit quaternion is left out: 2 of 60 messages" in shown["notes"]
    headings = shown["states"][:, [field["name"] for field in shown["state"]].index("heading")]
    np.testing.assert_allclose(headings, math.radians(80), atol=1e-6)
    told = BagData.read(str(bag), "crl/UGVMission-v0", {"body": "husky"})
    assert told["left_out"]["odometry whose orientation is no unit quaternion"] == 2
    at = [name for name, _ in told["observation"]].index("heading")
    for observations, _ in told["segments"]:
        np.testing.assert_allclose(observations[:, at], math.radians(80), atol=1e-6)


def test_a_bag_without_any_orientation_is_no_drive_with_the_heading_zero(tmp_path: Path) -> None:
    bag = record(tmp_path, dict.fromkeys(range(60), (0.0, 0.0, 0.0, 0.0)))
    flaw = "odometry whose orientation is no unit quaternion"
    with pytest.raises(RobotError, match=rf"nothing but {flaw} \(60 of 60 messages\)"):
        BagRecording.read(bag)
    with pytest.raises(RobotError, match=f"no odometry that can be used; 60 messages of {flaw}"):
        BagData.read(str(bag), "crl/UGVMission-v0", {"body": "husky"})


def test_single_precision_is_near_enough(tmp_path: Path) -> None:
    rounded = tuple(float(np.float16(part)) for part in TURNED)
    shown = BagRecording.read(record(tmp_path, dict.fromkeys(range(60), rounded)), "ugv_husky")
    assert not [note for note in shown["notes"] if "orientation" in note]
    live = seen_by_the_wall(replace(reading(rounded), position=STILL))
    assert live is not None
    at = [field["name"] for field in shown["state"]].index("heading")
    np.testing.assert_allclose(shown["states"][:, at], live, atol=1e-6)
