"""Watches a robot from outside: when commands come, whether they are safe, and how fast the body moves."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry

from crl_robots import RobotSpec
from crl_robots.recordings.ros_messages import action_of, seconds
from crl_ros import qualities
from crl_ros.conductor import Conductor

TOLERANCE = 1e-6
ELAPSED = 0.02
"""Seconds by which two stamps may be nearer than the moments at which their commands were made."""


class Watcher:
    """Listens to ``cmd_vel`` (stamped) and to the body's odometry.

    Args:
        conductor: Whose node listens.
        spec: The robot.
        odom: Topic of the body's odometry.
    """

    def __init__(self, conductor: Conductor, spec: RobotSpec, odom: str = "odom") -> None:
        self._spec = spec
        self.arrivals: list[float] = []
        """When commands arrived, on the steady clock (s)."""
        self.stamps: list[float] = []
        """When they were sent, on the sender's clock (s)."""
        self.commands: list[tuple[float, ...]] = []
        self.unsafe: list[str] = []
        """What was wrong with commands."""
        self.speeds: list[tuple[float, float]] = []
        """When the body moved how fast (s, m/s)."""
        self.stamped: list[float] = []
        """When the body measured, on its own clock (s)."""
        node = conductor.node
        # Deeper than the robot's own: nothing that was sent may go unseen.
        node.create_subscription(TwistStamped, "cmd_vel", self._command, 200)
        node.create_subscription(Odometry, odom, self._moved, qualities.ODOMETRY)

    def _command(self, message: TwistStamped) -> None:
        now, stamp = time.monotonic(), seconds(message.header.stamp)
        action = action_of(self._spec.body, message.twist)
        limits = self._spec.limits
        for name, value, low, high in zip(limits.names, action, limits.low, limits.high, strict=True):
            if not (math.isfinite(value) and low - TOLERANCE <= value <= high + TOLERANCE):
                self.unsafe.append(f"{name} = {value}")
        if self.commands and not self.is_stop(action) and stamp > 0:
            elapsed = max(stamp - self.stamps[-1], 0.0) + ELAPSED
            for name, value, before, most in zip(
                limits.names, action, self.commands[-1], limits.acceleration, strict=True
            ):
                if abs(value - before) > most * elapsed + TOLERANCE:
                    self.unsafe.append(f"{name} went from {before:g} to {value:g} within {elapsed - ELAPSED:.3f} s")
        self.arrivals.append(now)
        self.stamps.append(stamp)
        self.commands.append(action)

    def _moved(self, message: Odometry) -> None:
        v = message.twist.twist.linear
        self.speeds.append((time.monotonic(), math.hypot(v.x, v.y, v.z)))
        self.stamped.append(seconds(message.header.stamp))

    def is_stop(self, action: Sequence[float]) -> bool:
        """Whether a command is the safe action."""
        return bool(np.allclose(action, self._spec.limits.safe, atol=1e-9))

    @property
    def driving(self) -> bool:
        """Whether the last half second's commands were none of them stops."""
        recent = max(3, round(0.5 * self._spec.command_rate))
        return len(self.commands) >= recent and not any(map(self.is_stop, self.commands[-recent:]))

    def first_stop(self, since: float) -> float | None:
        """When the first stop arrived after a time (s)."""
        for when, action in zip(self.arrivals, self.commands, strict=True):
            if when >= since and self.is_stop(action):
                return when
        return None

    def moves(self, since: float) -> int:
        """How many commands after a time (s) were no stops."""
        pairs = zip(self.arrivals, self.commands, strict=True)
        return sum(when > since and not self.is_stop(action) for when, action in pairs)

    def stands(self, since: float, share: float = 0.1) -> float | None:
        """When the body had lost nearly all of the speed (m/s) it had at a time (s)."""
        before = [speed for when, speed in self.speeds if when <= since][-1:]
        for when, speed in self.speeds:
            if before and when > since and speed <= max(share * before[0], 0.02):
                return when
        return None


def regularity(times: Sequence[float], period: float) -> dict[str, Any]:
    """How regular events (s) were.

    Returns:
        ``period_error_ms_p50``, ``_p99``, ``period_max_ms`` (the longest gap), ``missed`` (gaps of more than one and a
        half periods), ``commands``.
    """
    gaps = np.diff(np.asarray(times, dtype=np.float64))
    if not len(gaps):
        return {"commands": len(times)}
    errors = 1e3 * np.abs(gaps - period)
    return {
        "period_error_ms_p50": float(np.percentile(errors, 50)),
        "period_error_ms_p99": float(np.percentile(errors, 99)),
        "period_max_ms": float(1e3 * gaps.max()),
        "missed": int((gaps > 1.5 * period).sum()),
        "commands": len(times),
    }
