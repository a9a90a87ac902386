"""A robot in a process of its own: the simulated husky behind ROS 2 topics. For tests of the driver.

Usage: fake_robot.py ROBOT FRAME; publishes ``odom`` and follows ``cmd_vel``, until it is told to end.
"""

from __future__ import annotations

import contextlib
import sys

import numpy as np
import rclpy
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from crl.safety.wall import SafeCommand
from crl_robots import load_spec
from crl_robots.drivers.sim import SimRobot
from crl_robots.recordings.ros_messages import action_of, fill_odometry


def main() -> None:
    spec = load_spec(sys.argv[1])
    body = SimRobot(spec)
    body.connect()
    rclpy.init(args=[])
    node = Node("fake_robot", namespace="/robot1")
    publisher = node.create_publisher(Odometry, "odom", qos_profile_sensor_data)

    def step() -> None:
        reading = body.read()
        if reading is not None:
            message = Odometry()
            message.header.stamp = node.get_clock().now().to_msg()
            message.header.frame_id, message.child_frame_id = sys.argv[2], spec.base_frame
            fill_odometry(message, reading)
            publisher.publish(message)

    def obey(message: TwistStamped) -> None:
        assert message.header.frame_id == spec.base_frame
        body.command(SafeCommand(np.array(action_of(spec.body, message.twist)), 0.0))

    node.create_subscription(TwistStamped, "cmd_vel", obey, 1)
    node.create_timer(0.01, step)
    print("ready", flush=True)
    # The context ends with the signal that ends this process, perhaps in the middle of a step.
    with contextlib.suppress(ExternalShutdownException, RCLError):
        rclpy.spin(node)


if __name__ == "__main__":
    main()
