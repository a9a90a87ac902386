"""ROS messages and plain data, by attribute alone: the same for rclpy's classes and those of recorded bags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crl.safety.fence import Body
from crl_robots.errors import RobotError
from crl_robots.robot import Reading
from crl_robots.spec import RobotSpec

ODOMETRY = "nav_msgs/msg/Odometry"
TWIST = "geometry_msgs/msg/Twist"
TWIST_STAMPED = "geometry_msgs/msg/TwistStamped"


def seconds(stamp: Any) -> float:
    """A ``builtin_interfaces/Time`` in seconds."""
    return float(stamp.sec) + 1e-9 * float(stamp.nanosec)


def reading_of(spec: RobotSpec, message: Any, sequence: int, received: float) -> Reading:
    """The reading in a ``nav_msgs/Odometry``; see :attr:`~crl_robots.robot.Reading.flaw` for what can't be used.

    Args:
        spec: The robot, whose frames the message must name.
        message: Pose in ``header.frame_id``, twist in ``child_frame_id`` (REP 105).
        sequence: Number of the message.
        received: When it arrived, on the steady clock (s).

    Raises:
        RobotError: The message is in other frames than the description says.
    """
    for what, found, expected in (
        ("frame", message.header.frame_id, spec.odometry_frame),
        ("child frame", message.child_frame_id, spec.base_frame),
    ):
        if found != expected:
            raise RobotError(
                f"the odometry of {spec.name} has the {what} {found!r}, its description says {expected!r}",
                "set frames in the description to what the robot publishes",
            )
    place, turn = message.pose.pose.position, message.pose.pose.orientation
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    return Reading(
        sequence=sequence,
        received=received,
        source=seconds(message.header.stamp),
        position=(float(place.x), float(place.y), float(place.z)),
        orientation=(float(turn.w), float(turn.x), float(turn.y), float(turn.z)),
        velocity=(float(linear.x), float(linear.y), float(linear.z)),
        rates=(float(angular.x), float(angular.y), float(angular.z)),
    )


def fill_odometry(message: Any, reading: Reading) -> None:
    """Write position, orientation, velocity and rates into a ``nav_msgs/Odometry``."""
    place, turn = message.pose.pose.position, message.pose.pose.orientation
    place.x, place.y, place.z = reading.position
    turn.w, turn.x, turn.y, turn.z = reading.orientation
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    linear.x, linear.y, linear.z = reading.velocity
    angular.x, angular.y, angular.z = reading.rates


def fill_twist(twist: Any, body: Body, action: Sequence[float]) -> None:
    """Write an action [A] into a ``geometry_msgs/Twist`` in the base frame (REP 103)."""
    if body == "ground":
        twist.linear.x, twist.angular.z = (float(value) for value in action)
    else:
        twist.linear.x, twist.linear.y, twist.linear.z, twist.angular.z = (float(value) for value in action)


def action_of(body: Body, twist: Any) -> tuple[float, ...]:
    """The action [A] in a ``geometry_msgs/Twist``."""
    linear, angular = twist.linear, twist.angular
    if body == "ground":
        return float(linear.x), float(angular.z)
    return float(linear.x), float(linear.y), float(linear.z), float(angular.z)


def waypoints_of(spec: RobotSpec, path: Any) -> list[tuple[float, float, float]]:
    """The waypoints in a ``nav_msgs/Path`` (m), for :class:`~crl_robots.mission.RobotMission`.

    Raises:
        RobotError: The path is in another frame than the odometry.
    """
    if path.header.frame_id != spec.odometry_frame:
        raise RobotError(
            f"the plan is in the frame {path.header.frame_id!r}, {spec.name} in {spec.odometry_frame!r}",
            "send the plan in the odometry's frame",
        )
    places = [pose.pose.position for pose in path.poses]
    return [(float(place.x), float(place.y), float(place.z)) for place in places]
