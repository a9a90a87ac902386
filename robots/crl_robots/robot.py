"""The protocol of all robots, simulated, recorded or real: readings come in, safe commands go out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from crl.safety.situation import Situation
from crl.safety.wall import SafeCommand
from crl_robots import geometry
from crl_robots.errors import RobotError
from crl_robots.geometry import Quaternion, Vector
from crl_robots.spec import RobotSpec


@dataclass(frozen=True)
class Reading:
    """What the robot said about itself: the content of a ``nav_msgs/Odometry``.

    Attributes:
        sequence: Number of the message; grows with every message that arrived, so that gaps can be seen.
        received: When it arrived, on the driver's steady clock (s).
        source: When it was measured, on the clock of its source (s).
        position: x, y, z in the odometry frame (m).
        orientation: w, x, y, z; turns axes of the body into axes of the odometry frame. It has the length 1: what is
            given is brought to it, or becomes four NaN if its length is not 1 within 0.01 (:func:`geometry.unit`).
        velocity: In axes of the body: x ahead, y left, z up (m/s).
        rates: In axes of the body (rad/s).
    """

    sequence: int
    received: float
    source: float
    position: Vector
    orientation: Quaternion
    velocity: Vector
    rates: Vector

    def __post_init__(self) -> None:
        object.__setattr__(self, "orientation", geometry.unit(self.orientation))

    @property
    def flaw(self) -> str | None:
        """What is wrong with it, such that it can't be used: "... odometry that is not finite"."""
        if not math.isfinite(sum(self.orientation)):
            return "whose orientation is no unit quaternion"
        rest = (*self.position, *self.velocity, *self.rates, self.source)
        return None if math.isfinite(sum(rest)) else "that is not finite"

    def situation(self) -> Situation:
        """What the safety wall wants to know of it; it refuses a heading that is not finite."""
        return Situation(
            sequence=self.sequence,
            received=self.received,
            source=self.source,
            position=self.position,
            heading=geometry.heading(self.orientation),
            tilt=geometry.tilt(self.orientation),
        )


@runtime_checkable
class Robot(Protocol):
    """A robot, whatever it is made of. Not thread-safe: one thread calls all.

    Use: ``connect``, then in a loop ``read`` and ``command``, and ``close`` at the end. A driver takes
    :class:`~crl.safety.wall.SafeCommand` only, which nothing but a :class:`~crl.safety.wall.SafetyWall` should make.
    """

    spec: RobotSpec

    def connect(self) -> None:
        """Begin; raises :class:`RobotError` with the hint if the robot is not there."""
        ...

    def clock(self) -> float:
        """The steady clock of ``Reading.received`` (s); give it to the wall."""
        ...

    def read(self, timeout: float = 0.0) -> Reading | None:
        """The newest reading that was not read yet, waiting up to ``timeout`` (s) for one; ``None`` if none came."""
        ...

    def command(self, command: SafeCommand) -> None:
        """Send a command; the robot follows the newest one."""
        ...

    def stop(self) -> None:
        """Send the safe action, without asking anybody. Never fails because there is nothing to stop."""
        ...

    def close(self) -> None:
        """Stop and leave. A second call does nothing."""
        ...


def checked(spec: RobotSpec, command: SafeCommand) -> list[float]:
    """The numbers of a command [A]: the last look before they leave, in every driver.

    Raises:
        RobotError: It did not come from a wall, or from one of another robot.
    """
    if not isinstance(command, SafeCommand):
        raise RobotError(
            f"a command of type {type(command).__name__} for {spec.name}",
            "send what SafetyWall.command() returns, and nothing else",
        )
    return inside(spec, command.action.tolist())


def inside(spec: RobotSpec, action: Sequence[float]) -> list[float]:
    """An action [A] that is inside the robot's limits.

    Raises:
        RobotError: It is not.
    """
    limits = spec.limits
    if len(action) != limits.size or not all(
        low <= value <= high for value, low, high in zip(action, limits.low, limits.high, strict=True)
    ):
        raise RobotError(
            f"the command {list(action)} is outside the limits of {spec.name}", "use this robot's own wall"
        )
    return list(action)
