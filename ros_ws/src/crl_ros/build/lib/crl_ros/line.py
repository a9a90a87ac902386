"""A line between a robot and its agent that can fail: odometry passes it, or does not, or comes out changed."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from nav_msgs.msg import Odometry

from crl_ros import qualities
from crl_ros.conductor import Conductor
from crl_ros.health import STEADY

LATE = 0.3
"""Seconds by which late messages are late."""
JUMP = 5.0
"""Metres by which a position jumps."""
LOOK = 0.005
BROKEN = (
    "odometry stops",
    "position is not a number",
    "velocity is not a number",
    "position is infinite",
    "position jumps",
    "clock of the source stands still",
    "clock of the source jumps ahead",
    "messages in another frame",
)
"""What :func:`broken` knows."""

Change = Callable[[Any], list[Any]]


class Line:
    """Passes messages from ``odom_raw`` to ``odom``.

    Args:
        conductor: Whose node passes them.
    """

    def __init__(self, conductor: Conductor) -> None:
        self.change: Change | None = None
        """What is wrong now."""
        self.delay = 0.0
        """Seconds by which messages come late."""
        self.on_pass: Callable[[], None] | None = None
        """Called once, after the next message has passed."""
        self.stamp: Any = None
        """Of the last message that passed."""
        self._waiting: list[tuple[float, Any]] = []
        node = conductor.node
        self._publisher = node.create_publisher(Odometry, "odom", qualities.ODOMETRY)
        node.create_subscription(Odometry, "odom_raw", self._pass, qualities.ODOMETRY)
        node.create_timer(LOOK, self._release, clock=STEADY)

    def _pass(self, message: Odometry) -> None:
        for changed in [message] if self.change is None else self.change(message):
            if self.delay:
                self._waiting.append((time.monotonic() + self.delay, changed))
            else:
                self._publisher.publish(changed)
            self.stamp = changed.header.stamp
        if self.on_pass is not None:
            then, self.on_pass = self.on_pass, None
            then()

    def _release(self) -> None:
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            self._publisher.publish(self._waiting.pop(0)[1])


def broken(line: Line) -> Mapping[str, Callable[[], Change]]:
    """What can be wrong with a line: makers of functions from a message to those that come out instead."""
    return {
        "odometry stops": lambda: lambda message: [],
        "position is not a number": lambda: lambda message: [_moved(message, math.nan)],
        "velocity is not a number": lambda: _with_speed(math.nan),
        "position is infinite": lambda: lambda message: [_moved(message, math.inf)],
        "position jumps": lambda: lambda message: [_moved(message, JUMP)],
        "clock of the source stands still": lambda: _frozen(line.stamp),
        "clock of the source jumps ahead": lambda: lambda message: [_stamped(message, 100)],
        "messages in another frame": lambda: _with_frame("map"),
    }


def reordered() -> Change:
    """Of each two messages, the second comes first; every message comes twice."""
    held: list[Any] = []

    def change(message: Any) -> list[Any]:
        if not held:
            held.append(message)
            return []
        return [message, message, held.pop()]

    return change


def _moved(message: Any, metres: float) -> Any:
    changed = copy.deepcopy(message)
    changed.pose.pose.position.x += metres
    return changed


def _stamped(message: Any, later: int) -> Any:
    changed = copy.deepcopy(message)
    changed.header.stamp.sec += later
    return changed


def _with_speed(speed: float) -> Change:
    def change(message: Any) -> list[Any]:
        message.twist.twist.linear.x = speed
        return [message]

    return change


def _with_frame(frame: str) -> Change:
    def change(message: Any) -> list[Any]:
        message.header.frame_id = frame
        return [message]

    return change


def _frozen(stamp: Any) -> Change:
    def change(message: Any) -> list[Any]:
        message.header.stamp = copy.deepcopy(stamp)
        return [message]

    return change
