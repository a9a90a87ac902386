"""The geofence: how fast a body may move towards a wall, so that it stops in front of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from crl.safety.braking import closing_speed
from crl.safety.limits import SafetyError

Body = Literal["ground", "air"]
ELEMENTS: dict[Body, tuple[str, ...]] = {
    "ground": ("speed", "turn_rate"),
    "air": ("vx", "vy", "vz", "yaw_rate"),
}
"""The commands of each kind of body: along the heading (m/s) and turning (rad/s); x ahead, y left, z up."""


@dataclass(frozen=True)
class Fence:
    """A box in the odometry frame. Walls may be at infinity.

    Attributes:
        low: Least x, y, z (m).
        high: Greatest x, y, z (m).
        margin: How far before a wall a body is made to stop (m); the rest is for its own errors.

    Raises:
        SafetyError: Names the axis and what is impossible about it.
    """

    low: tuple[float, float, float] = (-math.inf, -math.inf, -math.inf)
    high: tuple[float, float, float] = (math.inf, math.inf, math.inf)
    margin: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise SafetyError(f"the fence's margin is {self.margin}", "give a distance of at least 0 m")
        for axis, low, high in zip("xyz", self.low, self.high, strict=True):
            if math.isnan(low) or math.isnan(high) or not high - low > 2 * self.margin:
                raise SafetyError(
                    f"the fence is from {low:g} to {high:g} m along {axis}, with a margin of {self.margin:g} m",
                    "give low < high with more than twice the margin between them",
                )


@dataclass(frozen=True)
class Approach:
    """How a body brakes in front of a wall.

    Attributes:
        delay: Longest time between a measured position and the first command that takes it into account (s).
        horizontal: Deceleration in the plane (m/s²).
        vertical: Deceleration up and down (m/s²).
        margin: Where to stop before the wall (m).
    """

    delay: float
    horizontal: float
    vertical: float
    margin: float = 0.0


def outward_share(direction: float, turn: float, wall: float) -> float:
    """Greatest cosine between a wall's outward normal and a direction that turns by ``turn`` (all rad)."""
    start = math.remainder(direction - wall, math.tau)
    if abs(turn) >= math.tau or start * (start + turn) <= 0 or abs(start + turn) >= math.tau:
        return 1.0
    return max(math.cos(start), math.cos(start + turn))


def hold_back(
    body: Body,
    command: Sequence[float],
    position: Sequence[float],
    heading: float,
    fence: Fence,
    approach: Approach,
) -> list[float]:
    """The command, slowed down where it would not stop in front of a wall of the fence.

    For each wall, with d the distance to it less the margin and u the part of the commanded velocity towards it, at
    the worst direction that turning may give within ``delay``: ``u * delay + u**2 / (2 * deceleration) <= max(d, 0)``.
    Beyond a wall that means: nothing outwards, everything inwards. Horizontal velocity keeps its direction, turning
    is left alone (a body that turns where it stands goes nowhere).

    Args:
        body: Kind of body; the elements of its command are :data:`ELEMENTS`.
        command: What is wanted, finite, [A].
        position: x, y, z in the odometry frame (m).
        heading: In that frame (rad).
        fence: The box.
        approach: How the body brakes.
    """
    held = list(command)
    if body == "ground":
        speed, turn_rate = held
        size, direction = abs(speed), heading + (math.pi if speed < 0 else 0.0)
    else:
        vx, vy, vz, turn_rate = held
        size, direction = math.hypot(vx, vy), heading + math.atan2(vy, vx)
        for sign, wall in ((1, fence.high[2]), (-1, -fence.low[2])):
            room = wall - sign * position[2] - approach.margin
            if sign * vz > 0:
                held[2] = sign * min(abs(vz), closing_speed(room, approach.delay, approach.vertical))
    most = size
    for axis in (0, 1):
        for sign, wall in ((1, fence.high[axis]), (-1, -fence.low[axis])):
            normal = axis * math.pi / 2 + (math.pi if sign < 0 else 0.0)
            share = outward_share(direction, turn_rate * approach.delay, normal)
            room = wall - sign * position[axis] - approach.margin
            if share > 0 and math.isfinite(room):
                most = min(most, closing_speed(room, approach.delay, approach.horizontal) / share)
    if most < size:
        held[: 1 if body == "ground" else 2] = [value * (most / size) for value in held[: 1 if body == "ground" else 2]]
    return held
