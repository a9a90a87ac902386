"""The topics of a bag are found as people record them; where it is not clear which are meant, they are listed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags")

from rosbags.rosbag2 import StoragePlugin, Writer

from crl_robots import RobotError
from crl_robots.drivers.replay import ReplayRobot
from crl_robots.recordings.bag_topics import Chosen, choose
from crl_robots.recordings.bags import bag_files, is_bag, read_bag
from crl_robots.recordings.demonstrations import BagData
from crl_robots.recordings.ros_messages import ODOMETRY, TWIST, TWIST_STAMPED
from crl_robots.ride import BagRecording
from crl_robots.spec_file import load_spec
from tests.robots.recordings import Ride, record, ride
from tests.robots.test_bags import START, STORE, command, odometry

PATH, BOOL = "nav_msgs/msg/Path", "std_msgs/msg/Bool"
GYRO, WHEELS = "/sensing/gyro_odometry/odom", "/sensing/wheel_odometry/odom"
LOCAL, SETPOINT = "/mavros/local_position/odom", "/mavros/setpoint_velocity/cmd_vel"


def chosen(topics: dict[str, str], odom: str = "odom", cmd_vel: str | None = None, commanded: bool = True) -> Chosen:
    return choose(topics, odom, cmd_vel, "data.{0}={1}", commanded)


@pytest.mark.parametrize(
    ("topics", "odom", "cmd_vel", "found"),
    [
        ({GYRO: ODOMETRY, WHEELS: ODOMETRY, "/cmd_vel": TWIST}, GYRO, None, (GYRO, "/cmd_vel")),
        ({GYRO: ODOMETRY, WHEELS: ODOMETRY, "/cmd_vel": TWIST}, "gyro_odometry/odom", None, (GYRO, "/cmd_vel")),
        ({GYRO: ODOMETRY, WHEELS: ODOMETRY, "/a": TWIST, "/b": TWIST}, WHEELS, "/b", (WHEELS, "/b")),
        ({LOCAL: ODOMETRY, SETPOINT: TWIST_STAMPED}, "odom", None, (LOCAL, SETPOINT)),
        (
            {
                LOCAL: ODOMETRY,
                "/mavros/odometry/odom": ODOMETRY,
                "/mavros/local_position/velocity_body": TWIST_STAMPED,
                SETPOINT: TWIST_STAMPED,
            },
            LOCAL,
            None,
            (LOCAL, SETPOINT),
        ),
        ({LOCAL: ODOMETRY, "/odom": ODOMETRY, SETPOINT: TWIST_STAMPED}, LOCAL, None, (LOCAL, SETPOINT)),
        ({LOCAL: ODOMETRY, "/odom": ODOMETRY, SETPOINT: TWIST_STAMPED}, "/odom", None, ("/odom", SETPOINT)),
        ({"/odometry/filtered": ODOMETRY, "/cmd_vel": TWIST}, "odom", None, ("/odometry/filtered", "/cmd_vel")),
        (
            {"/odometry/filtered": ODOMETRY, "/odometry/gps": ODOMETRY, "/cmd_vel": TWIST},
            "/odometry/filtered",
            None,
            ("/odometry/filtered", "/cmd_vel"),
        ),
        (
            {"/jackal/controller/odom": ODOMETRY, "/odometry/filtered": ODOMETRY, "/jackal/controller/cmd_vel": TWIST},
            "/odometry/filtered",
            None,
            ("/odometry/filtered", "/jackal/controller/cmd_vel"),
        ),
        ({"/odom": ODOMETRY, "/cmd_vel": TWIST, "/cmd_vel_nav": TWIST}, "odom", None, ("/odom", "/cmd_vel")),
        ({"odom": ODOMETRY, "cmd_vel": TWIST}, "odom", None, ("odom", "cmd_vel")),
        ({"/odom": ODOMETRY, "/twist_mux/out": TWIST}, "odom", None, ("/odom", "/twist_mux/out")),
        (
            {f"/ugv{n}/{name}": kind for n in (1, 2) for name, kind in (("odom", ODOMETRY), ("cmd_vel", TWIST))},
            "ugv2/odom",
            None,
            ("/ugv2/odom", "/ugv2/cmd_vel"),
        ),
        ({"/team/ugv1/odom": ODOMETRY, "/ugv1/odom": ODOMETRY, "/v": TWIST}, "/ugv1/odom", None, ("/ugv1/odom", "/v")),
    ],
)
def test_topics_as_people_record_them(
    topics: dict[str, str], odom: str, cmd_vel: str | None, found: tuple[str, str]
) -> None:
    made = chosen({**topics, "/tf": "tf2_msgs/msg/TFMessage"}, odom, cmd_vel)
    assert (made.odom, made.cmd_vel) == found


@pytest.mark.parametrize(
    ("topics", "odom", "cmd_vel", "message"),
    [
        (
            {GYRO: ODOMETRY, WHEELS: ODOMETRY, "/cmd_vel": TWIST},
            "odom",
            None,
            f"several topics for odometry: {GYRO}, {WHEELS}\nchoose one: data.odom={GYRO} or data.odom={WHEELS}",
        ),
        (
            {"/odom": ODOMETRY, "/a/cmd_vel": TWIST, "/b/cmd_vel": TWIST},
            "odom",
            None,
            "several topics for commands: /a/cmd_vel, /b/cmd_vel\nchoose one: data.cmd_vel=/a/cmd_vel or data.cmd",
        ),
        (
            {"/ugv1/odom": ODOMETRY, "/ugv2/odom": ODOMETRY, "/ugv2/cmd_vel": TWIST},
            "/ugv1/odom",
            None,
            "commands only beside another robot's odometry than /ugv1/odom: /ugv2/cmd_vel\nchoose one: data.cmd_vel=",
        ),
        (
            {"/pose": "geometry_msgs/msg/PoseStamped", "/cmd_vel": TWIST},
            "odom",
            None,
            "no odometry: no topic of the ty",
        ),
        ({"/odom": PATH, "/cmd_vel": TWIST}, "odom", None, r"but /odom \(nav_msgs/msg/Path\)\nrecord odom"),
        ({"/odom": ODOMETRY}, "odom", None, "no commands: no topic of the type .*, but /odom\nrecord cmd_vel"),
        (
            {"/odom": ODOMETRY, "/cmd_vel": TWIST},
            "/odomm",
            None,
            r"no topic '/odomm': did you mean 'odom'\? \(valid: odom\)",
        ),
        ({"/odom": ODOMETRY, "/cmd_vel": TWIST}, "odom", "/tf", "no topic '/tf'.* \\(valid: cmd_vel\\)"),
        ({"/odom": ODOMETRY, "/cmd_vel": TWIST}, "/cmd_vel", None, "holds geometry_msgs/msg/Twist\nname a topic with"),
        ({"/a/odom": ODOMETRY, "/b/a/odom": ODOMETRY, "/v": TWIST}, "odom/", None, "several topics 'odom/'"),
    ],
)
def test_where_it_is_not_clear_the_candidates_are_listed(
    topics: dict[str, str], odom: str, cmd_vel: str | None, message: str
) -> None:
    with pytest.raises(RobotError, match=message):
        chosen(topics, odom, cmd_vel)


def test_plan_and_e_stop_are_taken_only_where_it_is_clear() -> None:
    odoms = {"/ugv1/odom": ODOMETRY, "/ugv2/odom": ODOMETRY}
    others = {"/ugv1/plan": PATH, "/ugv2/plan": PATH, "/e_stop": BOOL, "/ugv2/e_stop": BOOL, "/local_plan": PATH}
    made = chosen({**odoms, **others}, "/ugv1/odom", commanded=False)
    assert (made.cmd_vel, made.plan, made.e_stop, made.notes) == (None, "/ugv1/plan", "/e_stop", [])
    made = chosen({"/odom": ODOMETRY, "/a/plan": PATH, "/b/plan": PATH, "/global": PATH}, commanded=False)
    assert made.plan is None
    assert made.notes == ["several topics could be a plan, and none is taken: /a/plan, /b/plan"]
    made = chosen({"/odometry/filtered": ODOMETRY, "/v": TWIST, "/global": PATH})
    assert made.plan is None
    assert [note.split(" is taken")[0] for note in made.notes] == ["/odometry/filtered", "/v"]


@pytest.fixture(scope="module")
def driven() -> Ride:
    return ride("ugv_generic", 40)


def test_every_reader_of_bags_takes_them(driven: Ride, tmp_path: Path) -> None:
    folder = record(tmp_path, driven, topics=(GYRO, "/cmd_vel"), copies=(WHEELS,))
    told = BagData.read(str(folder), "", {}, robot="ugv_generic", odom=GYRO)
    assert told["topics"] == [GYRO, "/cmd_vel"]
    assert len(told["segments"][0][1]) == 39
    shown = BagRecording.read(folder, "ugv_generic", GYRO, "/cmd_vel")
    np.testing.assert_allclose(shown["commands"][1:], driven.commands[1:], atol=1e-6)
    robot = ReplayRobot(load_spec("ugv_generic"), folder, GYRO, lockstep=True)
    robot.connect()
    while robot.read() is not None:
        pass
    assert robot.recorded == pytest.approx(driven.commands[-1])
    with pytest.raises(RobotError, match=f"choose one: --odom {GYRO} or --odom {WHEELS}"):
        BagRecording.read(folder)
    with pytest.raises(RobotError, match=f"choose one: odom='{GYRO}'"):
        ReplayRobot(load_spec("ugv_generic"), folder).connect()


def rosbag2(folder: Path, driven: Ride, shift: int = 0) -> Path:
    """A folder of rosbag2 in SQLite."""
    with Writer(folder, version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        odom = writer.add_connection("/odom", ODOMETRY, typestore=STORE)
        cmd_vel = writer.add_connection("/cmd_vel", TWIST_STAMPED, typestore=STORE)
        for reading, sent in zip(driven.readings, driven.commands, strict=True):
            time = START + shift + round(1e9 * reading.source)
            writer.write(odom, time, odometry(reading, time))
            writer.write(cmd_vel, time + 10**6, command(sent, time))
    return folder


def test_folders_of_bag_folders_and_lone_databases_are_read(driven: Ride, tmp_path: Path) -> None:
    days = tmp_path / "days"
    days.mkdir()
    first = rosbag2(days / "monday", driven)
    second = rosbag2(days / "tuesday", driven, 10**12)
    (days / "notes").mkdir()
    assert bag_files(days) == [first, second]
    told = BagData.read(str(days), "", {}, robot="ugv_generic")
    assert [len(actions) for _, actions in told["segments"]] == [39, 39]
    lone = tmp_path / "lone"
    lone.mkdir()
    shutil.copy(first / "monday.db3", lone / "monday_0.db3")
    assert bag_files(lone) == [lone / "monday_0.db3"]
    assert len(list(read_bag(lone))) == 80
    for path in (days, lone, first, lone / "monday_0.db3"):
        assert is_bag(path)
        assert BagData.fits(str(path))
        assert BagRecording.fits(path)
    assert not BagData.fits(str(days / "notes"))
    assert not BagRecording.fits(tmp_path / "nothing.mcap")
    with pytest.raises(RobotError, match=r"there is no bag at .*\ngive a file"):
        bag_files(days / "notes")


def test_a_damaged_bag_names_the_file_and_the_way_out(driven: Ride, tmp_path: Path) -> None:
    folder = record(tmp_path / "an umlaut ü", driven)
    shutil.copy(folder / "drive_0000.mcap", folder / "drive_0001.mcap")
    torn = folder / "drive_0001.mcap"
    torn.write_bytes(torn.read_bytes()[:-60])
    with pytest.raises(RobotError, match=f"the bag {torn} can't be read: .*\n.*crl salvage '{torn}' --out NEW"):
        list(read_bag(folder))
    data = (folder / "drive_0000.mcap").read_bytes()
    for place in range(len(data) // 2, len(data) // 2 + 800, 97):
        damaged = bytearray(data)
        damaged[place] ^= 64
        torn.write_bytes(damaged)
        with suppress(RobotError):
            list(read_bag(torn))
    database = tmp_path / "a.db3"
    database.write_bytes(b"SQLite format 3\x00" + bytes(200))
    with pytest.raises(RobotError, match=r"sqlite3 .*a\.db3 \.recover"):
        list(read_bag(database))
    with sqlite3.connect(tmp_path / "b.db3") as other:
        other.execute("create table other (x)")
    with pytest.raises(RobotError, match="can't be read"):
        list(read_bag(tmp_path / "b.db3"))
