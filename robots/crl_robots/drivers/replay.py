"""A recorded bag as a robot: it says again what it said, and follows no command."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from crl.safety.wall import SafeCommand
from crl_robots.errors import RobotError
from crl_robots.recordings.bag_topics import CMD_VEL, choose
from crl_robots.recordings.bags import named, open_bag
from crl_robots.recordings.ros_messages import ODOMETRY, TWIST, TWIST_STAMPED, action_of, reading_of
from crl_robots.robot import Reading, checked
from crl_robots.spec import RobotSpec


class ReplayRobot:
    """The reading side of a recorded robot.

    Readings come at the times at which they were recorded, the first at 0 s of :meth:`clock`; a late caller gets the
    newest, as from a robot. In lockstep every reading is given, one per call, and the clock shows the recording's time.
    Commands are checked and then forgotten; :attr:`recorded` says what the robot was sent then.

    Args:
        spec: The robot that was recorded.
        bag: File or folder, see :func:`crl_robots.recordings.bags.bag_files`.
        odom: Topic of the odometry; see :func:`crl_robots.recordings.bag_topics.choose`.
        cmd_vel: Topic of the commands; need not be there.
        time_scale: Seconds of the recording per real second.
        lockstep: One reading per call, as fast as it goes.
    """

    def __init__(
        self,
        spec: RobotSpec,
        bag: str | Path,
        odom: str = "odom",
        cmd_vel: str = "cmd_vel",
        time_scale: float = 1.0,
        lockstep: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not 0 < time_scale < math.inf:
            raise RobotError(f"time_scale is {time_scale}", "give a positive number")
        self.spec = spec
        self.recorded: tuple[float, ...] | None = None
        """The command in force when the last reading was recorded, [A]; ``None``: there was none yet."""
        self._bag, self._topics = bag, (odom, cmd_vel)
        self._scale, self._lockstep = time_scale, lockstep
        self._monotonic, self._sleep = monotonic, sleep
        self._readings: Iterator[tuple[Reading, tuple[float, ...] | None]] | None = None
        self._next: tuple[Reading, tuple[float, ...] | None] | None = None
        self._began = self._time = 0.0

    def connect(self) -> None:
        """Open the bag and find its first reading.

        Raises:
            RobotError: The bag can't be read, or has no odometry.
        """
        self._readings = self._read()
        self._next = next(self._readings, None)
        if self._next is None:
            raise RobotError(f"the bag {self._bag} has no message on {self._topics[0]!r}", "give another bag or topic")
        self._began, self._time, self.recorded = self._monotonic(), 0.0, None

    def clock(self) -> float:
        """Seconds of the recording since its first reading."""
        return self._time if self._lockstep else (self._monotonic() - self._began) * self._scale

    @property
    def done(self) -> bool:
        """Whether all readings have been read."""
        return self._readings is not None and self._next is None

    def read(self, timeout: float = 0.0) -> Reading | None:
        """The newest reading that is due; ``None`` if none falls due in time, and at the end."""
        if self._readings is None:
            raise RobotError(f"{self.spec.name} is not connected", "call connect() first")
        if self._next is None:
            return None
        reading = None
        if self._lockstep:
            reading = self._take()
        else:
            wait = self._next[0].received - self.clock()
            if wait > 0:
                self._sleep(min(wait, timeout) / self._scale)
            while self._next is not None and self._next[0].received <= self.clock():
                reading = self._take()
        return reading

    def command(self, command: SafeCommand) -> None:
        """Check a command, and forget it."""
        checked(self.spec, command)

    def stop(self) -> None:
        """Nothing moves."""

    def close(self) -> None:
        """Close the bag."""
        close: Any = getattr(self._readings, "close", None)
        if close is not None:
            close()
        self._readings = self._next = None

    def _take(self) -> Reading:
        assert self._next is not None
        assert self._readings is not None
        reading, self.recorded = self._next
        self._time = reading.received
        self._next = next(self._readings, None)
        return reading

    def _read(self) -> Iterator[tuple[Reading, tuple[float, ...] | None]]:
        command: tuple[float, ...] | None = None
        first: float | None = None
        sequence = 0
        with open_bag(self._bag) as bag:
            odom, cmd_vel = self._topics
            given = cmd_vel if any(named(topic, cmd_vel) for topic in bag.topics) else None
            chosen = choose(bag.topics, odom, None if given == CMD_VEL.name else given, "{0}={1!r}")
            if given is None and cmd_vel != CMD_VEL.name:
                chosen.cmd_vel = None
            for topic, kind, when, message in bag.messages({chosen.odom, chosen.cmd_vel}):
                if topic == chosen.cmd_vel and kind in (TWIST, TWIST_STAMPED):
                    command = action_of(self.spec.body, message.twist if kind == TWIST_STAMPED else message)
                elif topic == chosen.odom and kind == ODOMETRY:
                    first = when if first is None else first
                    sequence += 1
                    yield reading_of(self.spec, message, sequence, when - first), command
                else:
                    raise RobotError(f"{topic} of {self._bag} holds {kind}", f"name topics with {ODOMETRY} and a Twist")
