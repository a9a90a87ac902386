"""Progress along a mission: what has been reached, the goal in the observation, and the reward."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from crl_envs import task as contract
from crl_envs.missions.schedule import FaultSchedule
from crl_envs.missions.waypoints import Mission

CROSS_TRACK = 0.1
"""Cost of a step per metre beside the leg, in steps at full speed."""
_TINY = 1e-6


class Progress:
    """Counts the waypoints reached, in order, at most one a step (the published rule).

    Args:
        mission: The waypoints, [N, D].
        radius: A waypoint counts as reached when the robot is nearer than this (m).
        schedule: When the fault is on.

    Raises:
        MissionError: The path lies inside the radius, or the fault never comes.
    """

    def __init__(self, mission: Mission, radius: float, schedule: FaultSchedule) -> None:
        schedule.check(len(mission))
        self.remark = mission.check_radius(radius)
        """What is odd about the path, see :meth:`Mission.check_radius`."""
        self.mission = mission
        self.radius = radius
        self.schedule = schedule
        self.reached = 0
        self.start = mission.points[0]
        # Plain numbers: the counting runs at every step.
        self._points = [tuple(map(float, point)) for point in mission.points]

    def warn(self) -> None:
        """Say what is odd about the path, as a Python warning."""
        if self.remark is not None:
            warnings.warn(self.remark, stacklevel=3)

    def begin(self, position: NDArray[np.float64]) -> None:
        """Start over at a position (m), [D]."""
        self.reached = 0
        self.start = np.array(position, dtype=np.float64)

    @property
    def done(self) -> bool:
        """Whether all waypoints have been reached."""
        return self.reached >= len(self._points)

    @property
    def active(self) -> bool:
        """Whether the fault is on."""
        return self.schedule.active(self.reached, len(self._points))

    def legs(self) -> tuple[Any, Any, Any]:
        """The waypoint before, the present one and the one after it (m); at the end the last, repeated."""
        last = len(self._points) - 1
        goal = min(self.reached, last)
        before = self._points[goal - 1] if goal else tuple(self.start.tolist())
        return before, self._points[goal], self._points[min(goal + 1, last)]

    def advance(self, position: Any) -> float:
        """Count the waypoint if it is reached from ``position`` (m); return the distance to the leg flown (m)."""
        before, goal, _ = self.legs()
        beside = beside_leg(before, goal, position)
        if not self.done and math.dist(goal, position) < self.radius:
            self.reached += 1
        return beside

    def observe(self, position: Any) -> list[float]:
        """The mission's part of an observation (see :func:`goal_fields`), 3 D + 1 numbers."""
        before, goal, then = self.legs()
        block = [there - here for point in (goal, then, before) for there, here in zip(point, position, strict=True)]
        return [*block, self.reached / len(self._points)]

    def info(self) -> dict[str, Any]:
        """What every step's ``info`` says about the mission."""
        return {
            "reached": self.reached,
            "waypoints": len(self._points),
            "fault_active": self.active,
            "is_success": self.done,
        }

    def get_state(self) -> dict[str, Any]:
        """The count and the start, plain."""
        return {"reached": self.reached, "start": self.start.copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_state` returned."""
        self.reached = int(state["reached"])
        self.start = np.array(state["start"], dtype=np.float64)


def goal_fields(dimensions: int) -> list[contract.Plain]:
    """Fields of the mission's part of an observation: the present waypoint, the next, the last, the share reached.

    All are positions relative to the robot in axes of the world (m): they change as the robot moves, whatever its
    heading, and jump when a waypoint is reached.
    """
    axes = "xyz"[:dimensions]
    fields = [
        contract.observation_field(f"{which}_{axis}", "m", scale_floor=0.02, role="goal")
        for which in ("goal", "then", "from")
        for axis in axes
    ]
    return [*fields, contract.observation_field("reached", "1", low=0.0, high=1.0, scale_floor=0.05, role="fixed")]


def progress_reward(observation: Any, next_observation: Any, *, dimensions: int, goal: int, full: float) -> Any:
    """Way made towards the waypoint, in steps at full speed, less 0.1 per metre beside the leg: [..., S] -> [...].

    The distance counts to the waypoint that was the goal before the step, so that reaching one is no loss.

    Args:
        observation: Before the step; the position is in its first elements.
        next_observation: After the step; only its position counts.
        dimensions: Number of coordinates, 2 or 3.
        goal: Index of ``goal_x``; ``then`` and ``from`` follow.
        full: Way of a step at full speed (m).
    """
    xp = array_namespace(observation, next_observation)
    before = after = made = along = leg = 0.0
    rests, legs = [], []
    for i in range(dimensions):
        moved = next_observation[..., i] - observation[..., i]
        ahead = observation[..., goal + i]
        rests.append(ahead - moved)
        legs.append(ahead - observation[..., goal + 2 * dimensions + i])
        before = before + ahead**2
        after = after + rests[i] ** 2
        # |goal|^2 - |rest|^2 without cancellation
        made = made + moved * (ahead + rests[i])
        along = along + rests[i] * legs[i]
        leg = leg + legs[i] ** 2
    share = along / (leg + _TINY)
    beside = sum((rest - share * part) ** 2 for rest, part in zip(rests, legs, strict=True))
    way = made / (xp.sqrt(before) + xp.sqrt(after) + _TINY)
    return way / full - CROSS_TRACK * xp.sqrt(beside)


def beside_leg(start: Any, end: Any, position: Any) -> float:
    """Distance (m) of a point from the segment between two others."""
    leg = [b - a for a, b in zip(start, end, strict=True)]
    offset = [p - a for a, p in zip(start, position, strict=True)]
    square = sum(part * part for part in leg)
    share = sum(a * b for a, b in zip(leg, offset, strict=True)) / square if square > 0 else 0.0
    share = min(max(share, 0.0), 1.0)
    return math.hypot(*(o - share * part for o, part in zip(offset, leg, strict=True)))
