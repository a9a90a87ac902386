"""Writes topics down as MCAP files. None is lost when this process dies (:mod:`crl_robots.recordings.recorder`).

A disk that is full, or fails, ends the recording and is said on ``/diagnostics``; the robot goes on.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from crl.errors import CrlError
from crl_robots import RobotError
from crl_robots.recordings.recorder import Recorder, definitions
from crl_ros import qualities
from crl_ros.health import ERROR, OK, PERIOD, STEADY, WARN, Health
from crl_ros.listening import Listening
from crl_ros.parameters import Parameter, declare, freeze, read
from crl_ros.running import run

TOPICS = ("odom", "imu", "cmd_vel", "plan", "e_stop", "/diagnostics")
KINDS = {
    "odom": "nav_msgs/msg/Odometry",
    "imu": "sensor_msgs/msg/Imu",
    "plan": "nav_msgs/msg/Path",
    "e_stop": "std_msgs/msg/Bool",
    "diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}
"""Types that need not be looked for, so that not even the first message is missed."""
BEST_EFFORT = ("odom", "imu")
LOOK = 0.25
"""Seconds between two looks for the type of a topic that is not known."""

PARAMETERS = (
    Parameter("folder", "recordings", "where the files go; made if it is not there"),
    Parameter("name", "drive", "beginning of the files' names"),
    Parameter("topics", list(TOPICS), "what is recorded; types of other topics than these are found when they appear"),
    Parameter("enable_stamped_cmd_vel", True, "cmd_vel is a TwistStamped; otherwise a Twist"),
    Parameter("megabytes", 256, "size from which a new file is begun (MiB)", 1, 1_000_000),
    Parameter("minutes", 10.0, "time after which a new file is begun", 0.01, 100_000.0),
    Parameter("sync", 1.0, "seconds between two waits for the disk", 0.01, 3600.0),
)


class RecorderNode(Node):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("recorder")
        declare(self, PARAMETERS)
        freeze(self, PARAMETERS, "at start")
        wanted = read(self, PARAMETERS)
        self._recorder = Recorder(
            wanted["folder"],
            wanted["name"],
            definitions(),
            most=wanted["megabytes"] * 2**20,
            longest=60 * wanted["minutes"],
            sync=wanted["sync"],
        )
        self._health = Health(self)
        self._listening = Listening(self)
        kind = "geometry_msgs/msg/TwistStamped" if wanted["enable_stamped_cmd_vel"] else "geometry_msgs/msg/Twist"
        self._kinds = {**KINDS, "cmd_vel": kind}
        self._waiting: set[str] = set()
        self._wrong: dict[str, str] = {}
        for topic in dict.fromkeys(wanted["topics"]):
            name = self.resolve_topic_name(topic)
            known = self._kinds.get(topic.strip("/"))
            if known is None:
                self._waiting.add(name)
            else:
                self._listen(name, known)
        self.create_timer(LOOK, self._look, clock=STEADY)
        self.create_timer(PERIOD, self._say, clock=STEADY)
        self.get_logger().info(f"records {', '.join(wanted['topics'])} into {wanted['folder']}")

    def _listen(self, topic: str, kind: str) -> None:
        name = topic.rpartition("/")[2]
        profile = QoSProfile(
            depth=qualities.EVERYTHING,
            reliability=ReliabilityPolicy.BEST_EFFORT if name in BEST_EFFORT else ReliabilityPolicy.RELIABLE,
        )
        if name == "e_stop":
            profile = qualities.E_STOP
        elif name not in self._kinds:
            # As whoever publishes it: a stricter wish would hear nothing.
            offered = self.get_publishers_info_by_topic(topic)
            if any(info.qos_profile.reliability != ReliabilityPolicy.RELIABLE for info in offered):
                profile.reliability = ReliabilityPolicy.BEST_EFFORT
        self._listening.subscribe(message_class(kind), topic, self._writer(topic, kind), profile, raw=True)

    def _writer(self, topic: str, kind: str) -> Callable[[Any], None]:
        def write(data: Any) -> None:
            try:
                self._recorder.record(topic, kind, bytes(data), time.time_ns())
            except RobotError as error:
                self.get_logger().error(f"recording has ended, the robot goes on: {error}")
                self._say()

        return write

    def _look(self) -> None:
        """Subscribe to topics that have appeared."""
        if not self._waiting:
            return
        for topic, kinds in self.get_topic_names_and_types():
            if topic in self._waiting:
                self._waiting.discard(topic)
                try:
                    self._listen(topic, kinds[0])
                except CrlError as error:
                    self._wrong[topic] = str(error)
                    self.get_logger().error(f"{topic} is not recorded: {error}")

    def _say(self) -> None:
        recorder = self._recorder
        self._listening.look()
        wrong = [*self._wrong.values(), *self._listening.deaf.values()]
        values = {"recorded": recorder.recorded, "folder": recorder.folder, "not there yet": sorted(self._waiting)}
        if recorder.failure is not None:
            self._health.say(ERROR, f"recording has ended: {recorder.failure.message}", values)
        elif wrong:
            self._health.say(WARN, "; ".join(wrong), values)
        else:
            self._health.say(OK, "recording", values)

    def leave(self) -> None:
        """Close the file in work."""
        try:
            self._recorder.close()
        except CrlError as error:
            self.get_logger().error(str(error))


def message_class(kind: str) -> Any:
    """The class of a message type such as ``nav_msgs/msg/Odometry``.

    Raises:
        CrlError: Its package is not installed.
    """
    package, _, name = kind.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise CrlError(f"the type {kind} is not installed", f"install {package}") from error


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of ``recorder_node``."""
    return run(RecorderNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
