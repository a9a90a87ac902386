"""Bags: what a recorder writes is what a reader reads, whatever became of the recorder."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")

from crl.safety.wall import SafetyWall
from crl_robots import RobotError, RobotMission, load_spec, make_robot, observe
from crl_robots.drivers.replay import ReplayRobot
from crl_robots.mcap.bag_file import BagFile
from crl_robots.mcap.salvage import salvage, salvage_bag
from crl_robots.recordings.bags import bag_files, find_topic, read_bag, typestore
from crl_robots.recordings.recorder import Recorder, definitions
from crl_robots.recordings.ros_messages import ODOMETRY, TWIST_STAMPED, action_of, fill_odometry, fill_twist
from crl_robots.robot import Reading
from tests.robots.driving import drive

STORE = typestore()
START = 1_700_000_000 * 10**9


def header(frame: str, time: int) -> Any:
    stamp = STORE.types["builtin_interfaces/msg/Time"](sec=time // 10**9, nanosec=time % 10**9)
    return STORE.types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame)


def twist() -> Any:
    vector = STORE.types["geometry_msgs/msg/Vector3"]
    return STORE.types["geometry_msgs/msg/Twist"](linear=vector(0.0, 0.0, 0.0), angular=vector(0.0, 0.0, 0.0))


def odometry(reading: Reading, time: int, frame: str = "odom") -> bytes:
    types = STORE.types
    pose = types["geometry_msgs/msg/Pose"](
        position=types["geometry_msgs/msg/Point"](0.0, 0.0, 0.0),
        orientation=types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0),
    )
    message = types["nav_msgs/msg/Odometry"](
        header=header(frame, time),
        child_frame_id="base_link",
        pose=types["geometry_msgs/msg/PoseWithCovariance"](pose=pose, covariance=np.zeros(36)),
        twist=types["geometry_msgs/msg/TwistWithCovariance"](twist=twist(), covariance=np.zeros(36)),
    )
    fill_odometry(message, reading)
    return bytes(STORE.serialize_cdr(message, ODOMETRY))


def command(action: Any, time: int) -> bytes:
    message = STORE.types["geometry_msgs/msg/TwistStamped"](header=header("base_link", time), twist=twist())
    fill_twist(message.twist, "ground", action)
    return bytes(STORE.serialize_cdr(message, TWIST_STAMPED))


def a_reading(number: int) -> Reading:
    return Reading(number, 0.0, 0.0, (0.1 * number, 2.0, 3.0), (0.6, 0.0, 0.0, 0.8), (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))


@pytest.fixture
def text() -> Any:
    return definitions()


def test_what_was_written_is_read(tmp_path: Path, text: Any) -> None:
    with_recorder = Recorder(tmp_path, "drive", text)
    for number in range(5):
        time = START + number * 10**8
        with_recorder.record("/ugv1/odom", ODOMETRY, odometry(a_reading(number), time), time)
        with_recorder.record("/ugv1/cmd_vel", TWIST_STAMPED, command([0.1 * number, -0.5], time), time + 10)
    with_recorder.close()
    with_recorder.close()
    found = list(read_bag(tmp_path))
    assert [topic for topic, *_ in found] == ["/ugv1/odom", "/ugv1/cmd_vel"] * 5
    assert [time for *_, time, _ in found[::2]] == pytest.approx([1.7e9 + 0.1 * n for n in range(5)])
    _, kind, _, message = found[6]
    assert kind == ODOMETRY
    assert (message.header.frame_id, message.child_frame_id) == ("odom", "base_link")
    place, turn = message.pose.pose.position, message.pose.pose.orientation
    assert (place.x, turn.w, turn.z) == pytest.approx((0.3, 0.6, 0.8))
    assert message.twist.twist.angular.y == 5.0
    assert action_of("ground", found[7][3].twist) == pytest.approx((0.3, -0.5))


def test_a_recorder_begins_new_files_and_never_writes_over_old_ones(tmp_path: Path, text: Any) -> None:
    clock = [0.0]
    for _ in range(2):
        recorder = Recorder(tmp_path, "a", text, most=20_000, longest=100.0, clock=lambda: clock[0])
        for number in range(60):
            recorder.record("odom", ODOMETRY, odometry(a_reading(number), START), START + number)
        clock[0] += 101.0
        recorder.record("odom", ODOMETRY, odometry(a_reading(60), START), START + 60)
        recorder.close()
        files = bag_files(tmp_path)
        assert all(file.stat().st_size < 20_000 + 5_000 for file in files)
    assert [file.name for file in files] == [f"a_{n:04d}.mcap" for n in range(len(files))]
    assert len(files) >= 8
    assert len(list(read_bag(tmp_path))) == 2 * 61


def test_times_that_go_back_do_not_spoil_the_file(tmp_path: Path, text: Any) -> None:
    recorder = Recorder(tmp_path, "a", text)
    for time in (START, START + 50, START - 10**9, START + 60):
        recorder.record("odom", ODOMETRY, odometry(a_reading(1), time), time)
    recorder.close()
    times = [time for *_, time, _ in read_bag(tmp_path)]
    assert len(times) == 4
    assert times == sorted(times)


WRITER = """
import sys
from crl_robots.recordings.recorder import Recorder, definitions
from tests.robots.test_bags import odometry, a_reading, ODOMETRY, START
recorder = Recorder(sys.argv[1], "killed", definitions(), most=200_000)
number = 0
while True:
    number += 1
    recorder.record("odom", ODOMETRY, odometry(a_reading(number), START + number), START + number)
    print(number, flush=True)
"""


def complaint(folder: Path) -> str | None:
    """What is said of a bag that can't be read."""
    try:
        list(read_bag(folder))
    except RobotError as error:
        return str(error)
    return None


@pytest.mark.parametrize("most", [50, 2500])
def test_killing_the_recorder_loses_no_message(tmp_path: Path, repository: Path, most: int) -> None:
    """SIGKILL while it writes: everything that it had acknowledged is there, in files that readers open."""
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=repository)
    try:
        assert child.stdout is not None
        last = 0
        while last < most:
            last = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        child.wait(30)
        # What was still in the pipe was acknowledged, too.
        last = max([last, *(int(line) for line in child.stdout.read().split(b"\n")[:-1])])
    finally:
        child.kill()
        child.wait(30)
        child.stdout.close()
    files = bag_files(tmp_path)
    if most > 100:
        assert len(files) > 1
    else:
        said = complaint(tmp_path)  # none if the kill came when a file had just been ended
        assert said is None or f"crl salvage {files[-1]} --out NEW" in said
    salvage(tmp_path, tmp_path / "whole")
    places = [message.pose.pose.position.x for *_, message in read_bag(tmp_path / "whole")]
    assert places == pytest.approx([0.1 * n for n in range(1, len(places) + 1)])
    assert len(places) >= last


FULL = """
import resource, sys
from crl_robots import RobotError
from crl_robots.recordings.recorder import Recorder, definitions
from tests.robots.test_bags import odometry, a_reading, ODOMETRY, START
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
recorder = Recorder(sys.argv[1], "full", definitions())
errors = 0
for number in range(1, 61):
    try:
        recorder.record("odom", ODOMETRY, odometry(a_reading(number), START), START + number)
    except RobotError as error:
        errors += 1
        assert "make room" in str(error)
print(recorder.recorded, errors)
"""


def test_a_full_disk_ends_the_recording_once_and_leaves_it_whole(tmp_path: Path, repository: Path) -> None:
    """A limit on the size of files stands for the full disk."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, cwd=repository, check=True
    )
    recorded, errors = (int(part) for part in done.stdout.split())
    assert errors == 1
    assert 10 < recorded < 60
    made = salvage_bag(tmp_path / "full_0000.mcap", tmp_path / "whole.mcap")
    assert made.lost_bytes == 0, "a whole record was followed by torn bytes"
    assert len(list(read_bag(tmp_path / "whole.mcap"))) == recorded


def test_a_topic_keeps_its_type(tmp_path: Path) -> None:
    bag = BagFile(tmp_path / "a.mcap")
    bag.write("odom", ODOMETRY, "", b"", START)
    with pytest.raises(RobotError, match="had the type"):
        bag.write("odom", TWIST_STAMPED, "", b"", START)
    with pytest.raises(RobotError, match="can't be made"):
        BagFile(tmp_path / "a.mcap")
    bag.close()


def test_topics_are_found_in_any_namespace() -> None:
    assert find_topic(["/ugv1/odom", "/tf"], "odom") == "/ugv1/odom"
    assert find_topic(["/ugv1/odom", "/ugv2/odom"], "/ugv2/odom") == "/ugv2/odom"
    assert find_topic(["/odom", "/ugv1/odom"], "/odom") == "/odom"
    with pytest.raises(RobotError, match="several topics"):
        find_topic(["/ugv1/odom", "/ugv2/odom"], "odom")
    with pytest.raises(RobotError, match="did you mean 'odom'"):
        find_topic(["/odom"], "odomm")


@pytest.fixture
def ride(tmp_path: Path, text: Any) -> tuple[Path, list[tuple[Reading, list[float]]]]:
    """A recorded ride of the simulated husky: the folder, and what really happened."""
    robot = make_robot("sim", "ugv_husky", lockstep=True)
    robot.connect()
    mission = RobotMission(robot.spec, robot.waypoints[:3], "ride")  # type: ignore[attr-defined]
    recorder = Recorder(tmp_path, "ride", text)
    happened: list[tuple[Reading, list[float]]] = []

    def watch(reading: Reading, sent: Any, wall: SafetyWall) -> None:
        time = START + round(1e9 * reading.source)
        recorder.record("/odom", ODOMETRY, odometry(reading, time), time)
        recorder.record("/cmd_vel", TWIST_STAMPED, command(sent.action, time), time + 10**6)
        happened.append((reading, sent.action.tolist()))

    drive(robot, mission, 40, watch)
    robot.close()
    recorder.close()
    return tmp_path, happened


def test_a_replayed_ride_shows_the_agent_the_same(ride: Any) -> None:
    folder, happened = ride
    robot = make_robot("replay", "ugv_husky", bag=folder, lockstep=True)
    assert isinstance(robot, ReplayRobot)
    robot.connect()
    points = [[0.0, 0.0], [6.0, 0.2], [9.0, 0.0]]
    missions = [RobotMission(robot.spec, points, "ride") for _ in range(2)]
    before = None
    for number, (truth, sent) in enumerate(happened):
        reading = robot.read()
        assert reading is not None
        assert reading.sequence == number + 1
        assert robot.clock() == pytest.approx(truth.source, abs=1e-6)
        assert robot.recorded == (None if before is None else pytest.approx(before))
        seen = [observe(robot.spec, r, m, [0.0, 0.0]) for r, m in zip((truth, reading), missions, strict=True)]
        np.testing.assert_array_equal(*seen)
        before = sent
    assert robot.read() is None
    assert robot.done
    robot.close()


def test_a_replay_in_real_time_gives_the_newest(ride: Any) -> None:
    folder, happened = ride
    time = [50.0]

    def sleep(seconds: float) -> None:
        time[0] += seconds

    robot = ReplayRobot(load_spec("ugv_husky"), folder, monotonic=lambda: time[0], sleep=sleep)
    robot.connect()
    assert getattr(robot.read(), "sequence", 0) == 1
    assert robot.read() is None
    assert getattr(robot.read(timeout=1.0), "sequence", 0) == 2
    assert time[0] == pytest.approx(50.1, abs=1e-5)
    time[0] += 1.0
    assert getattr(robot.read(), "sequence", 0) == 12
    time[0] += 1000.0
    assert getattr(robot.read(), "sequence", 0) == len(happened)
    assert robot.read() is None
    assert robot.done
    robot.close()


def test_bags_that_do_not_fit(ride: Any, tmp_path_factory: pytest.TempPathFactory, text: Any) -> None:
    folder, _ = ride
    with pytest.raises(RobotError, match="did you mean 'odom'"):
        ReplayRobot(load_spec("ugv_husky"), folder, odom="odometry").connect()
    with pytest.raises(RobotError, match="name a topic with nav_msgs/msg/Odometry: odom='/odom'"):
        ReplayRobot(load_spec("ugv_husky"), folder, odom="cmd_vel", cmd_vel="odom").connect()
    other = tmp_path_factory.mktemp("other")
    recorder = Recorder(other, "a", text)
    recorder.record("odom", ODOMETRY, odometry(a_reading(1), START, frame="map"), START)
    recorder.close()
    with pytest.raises(RobotError, match="has the frame 'map'"):
        ReplayRobot(load_spec("ugv_husky"), other).connect()
