"""Real robots, and simulated ones in other processes, over ROS 2 topics.

Needs ``rclpy``: a robot's own ROS 2 (any distribution of today), or the wheels of the extra ``ros``.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from crl.safety.wall import SafeCommand
from crl_robots.errors import RobotError
from crl_robots.recordings.ros_messages import fill_twist, reading_of
from crl_robots.robot import Reading, checked, inside
from crl_robots.spec import RobotSpec


class Ros2Robot:
    """Odometry in, velocity commands out.

    ``odom`` (``nav_msgs/Odometry``, sensor-data QoS) is subscribed to, ``cmd_vel`` (``geometry_msgs/TwistStamped`` in
    the base frame, reliable) published. The node has a context of its own, leaves no thread behind, and works only
    while :meth:`read` is called. It makes no command by itself but the stop of :meth:`stop` and :meth:`close`.

    Args:
        spec: The robot.
        namespace: Namespace of the node, such as ``/ugv1``.
        odom: Topic of the odometry.
        cmd_vel: Topic of the commands.
        stamped: Publish ``TwistStamped`` (Nav2 since Kilted, ros2_control); otherwise ``Twist``.
        node: Name of the node.
    """

    def __init__(
        self,
        spec: RobotSpec,
        namespace: str = "",
        odom: str = "odom",
        cmd_vel: str = "cmd_vel",
        stamped: bool = True,
        node: str = "crl_robot",
    ) -> None:
        self.spec = spec
        self._names = {"node": node, "namespace": namespace, "odom": odom, "cmd_vel": cmd_vel}
        self._stamped = stamped
        self._context: Any = None
        self._node: Any = None
        self._executor: Any = None
        self._publisher: Any = None
        self._message: type[Any] = object
        self._sequence = 0
        self._unread: Reading | None = None
        self._wrong: RobotError | None = None

    def connect(self) -> None:
        """Join the ROS graph; the robot itself may come later."""
        try:
            import rclpy
            from geometry_msgs.msg import Twist, TwistStamped
            from nav_msgs.msg import Odometry
            from rclpy.executors import SingleThreadedExecutor
            from rclpy.node import Node
            from rclpy.qos import qos_profile_sensor_data
        except ImportError as error:
            raise RobotError(
                f"ROS 2 is not there ({error})",
                "source the robot's ROS 2, or install the wheels: pip install 'crl[ros]'",
            ) from error
        if self._node is not None:
            raise RobotError(f"{self.spec.name} is connected already", "close it first")
        names = self._names
        self._context = rclpy.Context()
        # Signals stay with the program: a driver that swallows Ctrl-C can't be stopped.
        rclpy.init(args=[], context=self._context)
        try:
            self._node = Node(names["node"], namespace=names["namespace"] or None, context=self._context)
            self._message = TwistStamped if self._stamped else Twist
            self._publisher = self._node.create_publisher(self._message, names["cmd_vel"], 1)
            self._node.create_subscription(Odometry, names["odom"], self._hear, qos_profile_sensor_data)
            self._executor = SingleThreadedExecutor(context=self._context)
            self._executor.add_node(self._node)
        except Exception as error:
            self.close()
            raise RobotError(f"the node of {self.spec.name} can't be made: {error}") from error

    def clock(self) -> float:
        """The steady clock (s), not that of ROS, which a simulation may stop."""
        return time.monotonic()

    def read(self, timeout: float = 0.0) -> Reading | None:
        """The newest odometry; see :class:`~crl_robots.robot.Robot`.

        Raises:
            RobotError: The odometry is in other frames than the description says.
        """
        self._connected()
        end = time.monotonic() + timeout
        # Everything that waits is taken in first: only the newest message counts.
        self._executor.spin_once(timeout_sec=0.0)
        while self._unread is None and self._wrong is None and (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)
        wrong, self._wrong = self._wrong, None
        if wrong is not None:
            raise wrong
        reading, self._unread = self._unread, None
        return reading

    def command(self, command: SafeCommand) -> None:
        """Publish a command."""
        self._connected()
        self._publish(checked(self.spec, command))

    def stop(self) -> None:
        """Publish the safe action."""
        if self._publisher is not None and self._context.ok():
            self._publish(inside(self.spec, self.spec.limits.safe))

    def close(self) -> None:
        """Publish the safe action and leave the graph."""
        if self._context is None:
            return
        with contextlib.suppress(Exception):  # leaving must not fail because the graph has gone
            self.stop()
        if self._executor is not None:
            self._executor.shutdown()
        if self._node is not None:
            self._node.destroy_node()
        self._context.try_shutdown()
        self._context = self._node = self._executor = self._publisher = None
        self._unread = self._wrong = None

    @property
    def commanded(self) -> int:
        """How many others listen to the commands."""
        return 0 if self._publisher is None else int(self._publisher.get_subscription_count())

    def _connected(self) -> None:
        if self._node is None:
            raise RobotError(f"{self.spec.name} is not connected", "call connect() first")

    def _hear(self, message: Any) -> None:
        self._sequence += 1
        try:
            self._unread = reading_of(self.spec, message, self._sequence, time.monotonic())
        except RobotError as error:
            self._wrong = error

    def _publish(self, action: list[float]) -> None:
        message = self._message()
        if self._stamped:
            message.header.stamp = self._node.get_clock().now().to_msg()
            message.header.frame_id = self.spec.base_frame
        fill_twist(message.twist if self._stamped else message, self.spec.body, action)
        self._publisher.publish(message)
