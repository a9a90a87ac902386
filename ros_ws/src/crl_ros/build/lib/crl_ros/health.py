"""Diagnostics: what a node says about itself once a second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from crl_ros.qualities import DIAGNOSTICS

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
PERIOD = 1.0
STEADY = Clock(clock_type=ClockType.STEADY_TIME)
"""Timers of these nodes run on it: simulated time that stands still must not silence or disable anything."""


class Health:
    """Publishes a node's state on ``/diagnostics``.

    Args:
        node: Who speaks.
        hardware: Name of the robot.
    """

    def __init__(self, node: Node, hardware: str = "") -> None:
        self._node = node
        self.hardware = hardware
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", DIAGNOSTICS)

    def say(self, level: bytes, message: str, values: Mapping[str, Any]) -> None:
        """Publish one status.

        Args:
            level: ``OK``, ``WARN`` or ``ERROR``.
            message: In one line.
            values: Whatever can be written as text.
        """
        status = DiagnosticStatus(
            level=level,
            name=self._node.get_fully_qualified_name().strip("/"),
            message=message,
            hardware_id=self.hardware,
            values=[KeyValue(key=key, value=_text(value)) for key, value in values.items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
