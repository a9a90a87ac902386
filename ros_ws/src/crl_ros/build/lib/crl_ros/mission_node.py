"""Publishes a mission, the waypoints of a CSV file or of a map, as a ``nav_msgs/Path`` on ``plan``.

It is repeated, with the same stamp, for those who come late; who knows it already pays no attention.
"""

from __future__ import annotations

from collections.abc import Sequence

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Path
from rclpy.node import Node

from crl_robots import RobotMission, RobotSpec, load_spec
from crl_ros import qualities
from crl_ros.health import STEADY
from crl_ros.parameters import Parameter, declare, freeze, read
from crl_ros.running import run

PARAMETERS = (
    Parameter("robot", "ugv_husky", "name or file of the robot's description; it gives the frame and the fence"),
    Parameter("mission", "courtyard", "a map that comes with crl, or a CSV file with columns x, y and perhaps z (m)"),
    Parameter("altitude", 1.5, "height of the waypoints of a file without z (m)", -1000.0, 10000.0),
    Parameter("period", 1.0, "seconds between two repetitions", 0.05, 3600.0),
)


def path_of(spec: RobotSpec, points: Sequence[Sequence[float]], node: Node) -> Path:
    """Waypoints [N, 2 or 3] (m) in the odometry frame as a message, stamped now."""
    path = Path()
    path.header.frame_id = spec.odometry_frame
    path.header.stamp = node.get_clock().now().to_msg()
    for point in points:
        pose = PoseStamped(header=path.header)
        place = pose.pose.position
        place.x, place.y, place.z = (*(float(value) for value in point), 0.0)[:3]
        path.poses.append(pose)
    return path


class MissionNode(Node):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("mission")
        declare(self, PARAMETERS)
        freeze(self, PARAMETERS, "at start")
        wanted = read(self, PARAMETERS)
        spec = load_spec(wanted["robot"])
        mission = RobotMission.read(spec, wanted["mission"], wanted["altitude"])
        self._path = path_of(spec, (mission.progress.mission.points + mission.origin).tolist(), self)
        self._publisher = self.create_publisher(Path, "plan", qualities.PLAN)
        self.create_timer(wanted["period"], self._send, clock=STEADY)
        self._send()
        self.get_logger().info(f"{len(self._path.poses)} waypoints of {wanted['mission']}")

    def _send(self) -> None:
        self._publisher.publish(self._path)


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of ``mission_node``."""
    return run(MissionNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
