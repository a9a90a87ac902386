"""A simulated robot in real time on the topics of a real one: the robot of everybody without hardware.

Publishes ``odom`` and, if its description says so, ``imu``; follows ``cmd_vel`` and, as a real robot does, stops by
itself when no command comes for ``timeouts.receiver`` of its description. A command outside its limits, or that is not
finite, is not carried out: it counts as a fault of the sender, and the body takes the safe action.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import rclpy.time
from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import Imu

from crl.reading.yaml_text import YamlError, check_yaml, plain_yaml
from crl.safety.wall import SafeCommand
from crl_robots import RobotError, load_spec
from crl_robots.drivers.sim import SimRobot
from crl_robots.imu import fill_imu
from crl_robots.recordings.ros_messages import action_of, fill_odometry
from crl_ros import qualities
from crl_ros.health import ERROR, OK, PERIOD, STEADY, WARN, Health
from crl_ros.listening import Listening
from crl_ros.parameters import MANY, Parameter, declare, freeze, read
from crl_ros.running import run

PARAMETERS = (
    Parameter("robot", "ugv_husky", "name or file of the robot's description; it must have a simulated body"),
    Parameter("mission", "", "waypoints by which the fault comes and goes: a map or a CSV file; empty: the body's own"),
    Parameter("fault", "", "what goes wrong with the body, as YAML, such as '{sides: [0.6, 1.0]}'; empty: nothing"),
    Parameter("inject", 0.5, "share of the waypoints from which the fault is on", 0.0, 1.0),
    Parameter("remove", 1.0, "share of the waypoints from which it is off again", 0.0, 1.0),
    Parameter("time_scale", 1.0, "seconds of the body per second", 0.01, 100.0),
    Parameter("seed", 0, "of the body's start", 0, MANY),
    Parameter("enable_stamped_cmd_vel", True, "cmd_vel is a TwistStamped; otherwise a Twist"),
    Parameter("publish_clock", False, "publish the body's time on /clock, and stamp odometry with it"),
)


class SimRobotNode(Node):
    """See the module."""

    def __init__(self, body: SimRobot | None = None) -> None:
        super().__init__("sim_robot")
        declare(self, PARAMETERS)
        freeze(self, PARAMETERS, "at start")
        wanted = read(self, PARAMETERS)
        self.body = SimRobot(load_spec(wanted["robot"]), **_options(wanted)) if body is None else body
        self.spec = self.body.spec
        self._health = Health(self, self.spec.name)
        self._listening = Listening(self)
        self._clock_time = wanted["publish_clock"]
        self._stamped = wanted["enable_stamped_cmd_vel"]
        self.refused = 0
        """Commands that were not carried out."""
        self._last_refusal = ""
        self._publisher = self.create_publisher(Odometry, "odom", qualities.ODOMETRY)
        self._imu = self.create_publisher(Imu, "imu", qualities.IMU) if self.spec.imu else None
        self._time = self.create_publisher(ClockMessage, "/clock", 10) if self._clock_time else None
        kind = TwistStamped if self._stamped else Twist
        self._listening.subscribe(kind, "cmd_vel", self._obey, qualities.COMMANDS)
        self.create_timer(PERIOD, self._say, clock=STEADY)
        self._silence = self.create_timer(self.spec.timeouts.receiver, self._give_up, clock=STEADY)
        self.body.connect()
        # Begun right after the body: each call finds a step that has just fallen due.
        self._began = self.get_clock().now()
        self.create_timer(self.spec.control_period / wanted["time_scale"], self._step, clock=STEADY)
        self._step()
        self.get_logger().info(f"{self.spec.name} is there, with {self._waypoints()} waypoints")

    def _step(self) -> None:
        reading = self.body.read()
        if reading is None:
            return
        passed = rclpy.time.Duration(nanoseconds=round(1e9 * reading.source))
        # The body measures at its due times, however late this callback comes.
        stamp = rclpy.time.Time(nanoseconds=passed.nanoseconds) if self._clock_time else self._began + passed
        message = Odometry()
        message.header.stamp = stamp.to_msg()
        message.header.frame_id, message.child_frame_id = self.spec.odometry_frame, self.spec.base_frame
        fill_odometry(message, reading)
        if self._time is not None:
            self._time.publish(ClockMessage(clock=stamp.to_msg()))
        self._publisher.publish(message)
        if self._imu is not None:
            # Of the same moment: the body is simulated no faster than it is decided on.
            inertial = Imu()
            inertial.header.stamp, inertial.header.frame_id = message.header.stamp, self.spec.base_frame
            fill_imu(inertial, reading)
            self._imu.publish(inertial)

    def _give_up(self) -> None:
        """No command came for the receiver's time-out, to the moment: the body's own check looks once a step."""
        self.body.stop()
        self._silence.cancel()

    def _obey(self, message: Any) -> None:
        self._silence.reset()
        twist = message
        try:
            if self._stamped:
                twist = message.twist
                if message.header.frame_id not in ("", self.spec.base_frame):
                    raise RobotError(f"a command in the frame {message.header.frame_id!r}")
            self.body.command(SafeCommand(np.array(action_of(self.spec.body, twist)), self.body.clock()))
        except RobotError as error:
            self.body.stop()
            self.refused += 1
            self._last_refusal = str(error)
            self.get_logger().error(f"a command is refused: {error}")

    def _waypoints(self) -> int:
        return int(self.body.info.get("waypoints", 0))

    def _say(self) -> None:
        info = {key: value for key, value in self.body.info.items() if isinstance(value, bool | int | float | str)}
        crash = self.body.info.get("crash")
        level, text = OK, "simulated"
        self._listening.look()
        if crash:
            level, text = ERROR, f"crashed: {crash}"
        elif self._listening.deaf:
            level, text = ERROR, "; ".join(self._listening.deaf.values())
        elif self.refused:
            level, text = ERROR, f"{self.refused} unsafe commands were refused; the last: {self._last_refusal}"
        elif self.body.missed:
            level, text = WARN, f"{self.body.missed} steps came late: the machine is too slow"
        self._health.say(level, text, {**info, "refused": self.refused, "missed": self.body.missed})

    def leave(self) -> None:
        """Leave the simulator."""
        self.body.close()


def _options(wanted: dict[str, Any]) -> dict[str, Any]:
    """Options of the simulated body."""
    options: dict[str, Any] = {"time_scale": wanted["time_scale"], "seed": wanted["seed"]}
    if wanted["mission"]:
        options["waypoints"] = wanted["mission"]
    if wanted["fault"]:
        try:
            check_yaml(wanted["fault"])
            fault = plain_yaml(wanted["fault"])
        except YamlError as error:
            raise RobotError(f"the parameter fault is no YAML: {error}", "such as '{sides: [0.6, 1.0]}'") from error
        if not isinstance(fault, dict):
            raise RobotError(f"the parameter fault is {wanted['fault']!r}", "such as '{sides: [0.6, 1.0]}'")
        options.update(fault=fault, inject=wanted["inject"], remove=wanted["remove"])
    return options


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of ``sim_robot_node``."""
    return run(SimRobotNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
