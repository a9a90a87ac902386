"""Recorded rides as plain data and as films: the simulated husky is driven, recorded, and looked at."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

pytest.importorskip("rosbags")

from crl.cli import app
from crl.reporting.replay.recording import episode_of_recording, reader_of
from crl.safety.wall import SafetyWall
from crl_robots import RobotMission, make_robot
from crl_robots.errors import RobotError
from crl_robots.recordings.recorder import Recorder, definitions
from crl_robots.recordings.ros_messages import ODOMETRY, TWIST_STAMPED
from crl_robots.ride import BagRecording
from crl_robots.robot import Reading
from tests.robots.driving import drive
from tests.robots.test_bags import START, STORE, command, header, odometry

BOOL, PATH, DIAGNOSTICS = "std_msgs/msg/Bool", "nav_msgs/msg/Path", "diagnostic_msgs/msg/DiagnosticArray"
PRESSED = (30, 38)
"""Decisions during which somebody holds the e-stop."""


def pressed(value: bool) -> bytes:
    return bytes(STORE.serialize_cdr(STORE.types[BOOL](data=value), BOOL))


def plan(points: Any) -> bytes:
    types = STORE.types
    turn = types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0)
    places = [types["geometry_msgs/msg/Point"](float(x), float(y), 0.0) for x, y in points]
    poses = [types["geometry_msgs/msg/Pose"](position=place, orientation=turn) for place in places]
    stamped = [types["geometry_msgs/msg/PoseStamped"](header=header("odom", START), pose=pose) for pose in poses]
    return bytes(STORE.serialize_cdr(types[PATH](header=header("odom", START), poses=stamped), PATH))


def diagnostics(level: int, text: str) -> bytes:
    status = STORE.types["diagnostic_msgs/msg/DiagnosticStatus"]
    fine = status(level=0, name="camera", message="fine", hardware_id="", values=[])
    worse = status(level=level, name="wall", message=text, hardware_id="", values=[])
    array = STORE.types[DIAGNOSTICS](header=header("", START), status=[fine, worse])
    return bytes(STORE.serialize_cdr(array, DIAGNOSTICS))


@pytest.fixture(scope="module")
def ride(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[Reading, list[float]]], Any]:
    """A recorded ride with an e-stop on the way: the folder, what really happened, and the plan."""
    folder = tmp_path_factory.mktemp("ride")
    robot = make_robot("sim", "ugv_husky", lockstep=True)
    robot.connect()
    points = np.asarray(robot.waypoints[:3])  # type: ignore[attr-defined]
    recorder = Recorder(folder, "ride", definitions())
    recorder.record("/ugv1/plan", PATH, plan(points), START)
    happened: list[tuple[Reading, list[float]]] = []

    def watch(reading: Reading, sent: Any, wall: SafetyWall) -> None:
        time = START + round(1e9 * reading.source)
        recorder.record("/ugv1/odom", ODOMETRY, odometry(reading, time), time)
        recorder.record("/ugv1/cmd_vel", TWIST_STAMPED, command(sent.action, time), time + 10**6)
        happened.append((reading, sent.action.tolist()))
        if len(happened) == PRESSED[0]:
            wall.hear_e_stop(True)
            recorder.record("/ugv1/e_stop", BOOL, pressed(True), time + 2 * 10**6)
        if len(happened) == PRESSED[1]:
            wall.hear_e_stop(False)
            assert wall.reset() is None
            recorder.record("/ugv1/e_stop", BOOL, pressed(False), time + 2 * 10**6)

    drive(robot, RobotMission(robot.spec, points, "ride"), 80, watch)
    robot.close()
    recorder.close()
    return folder, happened, points


def crl(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["replay", *arguments])


def test_a_ride_is_what_was_recorded(ride: Any) -> None:
    folder, happened, points = ride
    told = BagRecording.read(folder, "ugv_husky")
    assert len(told["times"]) == len(happened)
    assert np.diff(told["times"]) == pytest.approx(0.1)
    names = [entry["name"] for entry in told["state"]]
    place = np.array([reading.position[:2] for reading, _ in happened])
    np.testing.assert_allclose(told["states"][:, :2], place, atol=1e-5)
    # A command is sent right after its odometry, so it shows at the next moment.
    np.testing.assert_allclose(told["commands"][1:], [sent for _, sent in happened][:-1], atol=1e-6)
    np.testing.assert_allclose(told["waypoints"], points)
    away = told["states"][:, names.index("from_the_plan")]
    legs = list(zip(points, points[1:], strict=False))
    for index in (0, 20, len(place) - 1):
        # A plain search along the legs.
        tries = [a + (b - a) * s for a, b in legs for s in np.linspace(0, 1, 4001)]
        assert away[index] == pytest.approx(min(math.dist(place[index], point) for point in tries), abs=2e-3)
    assert told["action"][0] == {"name": "speed", "unit": "m/s", "low": -1, "high": 1}


def test_stops_are_told_with_their_reason(ride: Any) -> None:
    reasons = BagRecording.read(ride[0], "ugv_husky")["reasons"]
    held = [index for index, reason in enumerate(reasons) if reason == "the e-stop is pressed"]
    assert held == list(range(PRESSED[0], PRESSED[1]))
    assert reasons[0] == "no command yet"
    assert reasons[10] is None


def test_without_a_description_limits_are_those_of_the_recording(ride: Any) -> None:
    told = BagRecording.read(ride[0])
    assert told["name"] == "a body of kind ground"
    most = np.abs(told["commands"]).max(axis=0)
    assert [entry["high"] for entry in told["action"]] == pytest.approx([max(value, 0.1) for value in most.tolist()])
    assert told["period"] == 0.1


def test_a_stop_without_an_e_stop_gets_the_words_of_the_diagnostics(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "a", definitions())
    for number in range(60):
        time = START + number * 10**8
        reading = Reading(number, 0.0, 0.0, (0.05 * number, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.5, 0, 0), (0, 0, 0))
        if not 40 <= number < 50:
            recorder.record("odom", ODOMETRY, odometry(reading, time), time)
        recorder.record("cmd_vel", TWIST_STAMPED, command([0.0 if 10 <= number < 30 else 0.5, 0.0], time), time)
        if number == 20:
            recorder.record("/diagnostics", DIAGNOSTICS, diagnostics(2, "the decision is late"), time)
        if number == 30:
            recorder.record("/diagnostics", DIAGNOSTICS, diagnostics(0, "fine"), time)
    recorder.close()
    reasons = BagRecording.read(tmp_path, "ugv_husky")["reasons"]
    assert reasons[5] is None
    assert reasons[15] == "the safe action was sent"
    assert reasons[25] == "error of wall: the decision is late"
    assert reasons[35] is None
    assert reasons[45] == "no odometry for 0.6 s"
    assert reasons[55] is None


def test_a_plan_around_the_start_is_said(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "a", definitions())
    recorder.record("plan", PATH, plan([[0.1, 0.0], [0.2, 0.1]]), START)
    for number in range(5):
        reading = Reading(number, 0.0, 0.0, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0, 0, 0), (0, 0, 0))
        recorder.record("odom", ODOMETRY, odometry(reading, START + number * 10**8), START + number * 10**8)
    recorder.close()
    notes = BagRecording.read(tmp_path, "ugv_husky")["notes"]
    assert any("the whole plan is within 0.5 m of the start" in note for note in notes)


def test_the_take_shows_path_plan_and_progress(ride: Any) -> None:
    folder, happened, points = ride
    reader = reader_of(folder)
    assert reader is not None
    made = episode_of_recording(folder, reader, "ugv_husky")
    assert len(made.moments) == len(happened) - 1
    assert made.recorded
    reached = [moment.reached for moment in made.moments]
    assert reached == sorted(reached)
    assert reached[-1] >= 2
    assert made.success == (reached[-1] >= len(points))


def test_a_bag_becomes_a_film(ride: Any, tmp_path: Path) -> None:
    done = crl(str(ride[0]), "--robot", "ugv_husky", "--out", str(tmp_path / "film.mp4"))
    assert done.exit_code == 0, done.output
    import imageio.v2 as imageio

    with imageio.get_reader(tmp_path / "film.mp4") as film:
        frames = [np.asarray(frame) for frame in film]
    assert len(frames) == len(ride[1])
    # Something moves on the map, and the panel tells of the stop in red.
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 0.5

    def red(frame: Any) -> int:
        panel = frame[36:56, frame.shape[1] // 2 :].astype(int)
        return int(((panel[..., 0] - panel[..., 1] > 60) & (panel[..., 0] - panel[..., 2] > 40)).sum())

    assert red(frames[PRESSED[0] + 2]) > 20 > red(frames[20])


def test_two_bags_beside_each_other_and_a_default_place(ride: Any, tmp_path: Path) -> None:
    [file] = ride[0].glob("*.mcap")
    for name in ("one", "two"):
        (tmp_path / f"{name}.mcap").write_bytes(file.read_bytes())
    done = crl(str(tmp_path / "one.mcap"), str(tmp_path / "two.mcap"))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "one.mp4").stat().st_size > 1000


def test_what_can_not_be_shown_says_why(ride: Any, tmp_path: Path) -> None:
    folder = str(ride[0])
    done = crl(folder, "--live")
    assert done.exit_code == 2
    assert "leave out --live" in done.stderr
    done = crl(folder, "--odom", "odometry")
    assert done.exit_code == 2
    assert "has no topic 'odometry'" in done.stderr
    done = crl(folder, "--robot", "ugv_huskyy")
    assert done.exit_code == 2
    assert "ugv_husky" in done.stderr
    [file] = ride[0].glob("*.mcap")
    (tmp_path / "torn.mcap").write_bytes(file.read_bytes()[:-50])
    done = crl(str(tmp_path / "torn.mcap"))
    assert done.exit_code == 2
    assert f"crl salvage {tmp_path / 'torn.mcap'} --out NEW" in done.stderr


def test_a_bag_without_finite_odometry(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "a", definitions())
    lost = Reading(1, 0.0, 0.0, (math.nan, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0, 0, 0), (0, 0, 0))
    recorder.record("odom", ODOMETRY, odometry(lost, START), START)
    recorder.close()
    with pytest.raises(RobotError, match=r"nothing but odometry that is not finite \(1 of 1 messages\)"):
        BagRecording.read(tmp_path)


def test_a_run_is_no_bag(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    (tmp_path / "strange.mcap").write_bytes(b"")
    assert reader_of(tmp_path) is None
    assert reader_of(tmp_path / "nothing") is None
