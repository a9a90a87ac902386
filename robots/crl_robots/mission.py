"""A mission on a robot: the waypoints of a plan, and what has been reached of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl_envs.missions import FaultSchedule, Mission, MissionError, Progress
from crl_robots.errors import RobotError
from crl_robots.geometry import Vector
from crl_robots.spec import RobotSpec


class RobotMission:
    """Counts waypoints as the simulated missions do (:class:`crl_envs.missions.Progress`).

    Observed positions count from the plan's first waypoint, as in simulation (heights from the ground), so that an
    agent sees the same numbers wherever the odometry frame has its origin.

    Args:
        spec: The robot; says how many coordinates count and when a waypoint is reached.
        points: Waypoints in the odometry frame (m), [N, 2] or [N, 3]; on the ground z is ignored.
        name: Name of the plan.

    Raises:
        RobotError: The waypoints are none, not finite, outside the robot's fence, or all inside the robot's radius.
    """

    def __init__(self, spec: RobotSpec, points: Sequence[Sequence[float]] | NDArray[np.float64], name: str) -> None:
        try:
            mission = Mission.of(np.array(points, dtype=np.float64)[:, : spec.dimensions], name)
        except (MissionError, ValueError, IndexError) as error:
            raise RobotError(f"the plan {name!r}: {error}") from error
        if mission.points.shape[1] != spec.dimensions:
            raise RobotError(f"the plan {name!r} has no heights", f"give x, y, z to {spec.name}")
        self._check_fence(spec, mission)
        self.spec = spec
        self.origin: NDArray[np.float64] = mission.points[0] * np.array([1.0, 1.0, 0.0])[: spec.dimensions]
        local = Mission(name, mission.points - self.origin)
        try:
            self.progress = Progress(local, spec.radius, FaultSchedule(0.0, 1.0))
        except MissionError as error:
            raise RobotError(f"the plan {name!r}: {error}") from error

    @classmethod
    def read(cls, spec: RobotSpec, source: str | Path, altitude: float = 1.5) -> RobotMission:
        """The plan of a waypoint file or of a map that comes with :mod:`crl_envs`; warns of what is odd about it.

        Args:
            spec: The robot.
            source: Name or path.
            altitude: Height of the waypoints of a file without z (m).
        """
        try:
            mission = Mission.read(source, dimensions=spec.dimensions, altitude=altitude)
        except MissionError as error:
            raise RobotError(str(error)) from error
        made = cls(spec, mission.points, mission.name)
        made.progress.warn()
        return made

    @staticmethod
    def _check_fence(spec: RobotSpec, mission: Mission) -> None:
        fence = spec.fence
        for number, point in enumerate(mission.points):
            for axis, value, low, high in zip("xyz", point, fence.low, fence.high, strict=False):
                if not low + fence.margin <= value <= high - fence.margin:
                    raise RobotError(
                        f"waypoint {number} of {mission.name!r} has {axis} = {value:g} m, outside the fence of "
                        f"{spec.name} ({low:g}..{high:g} m, with a margin of {fence.margin:g} m)",
                        "move the waypoint or the geofence",
                    )

    @property
    def remark(self) -> str | None:
        """What is odd about the plan: consecutive waypoints that are nearer to each other than the radius."""
        return self.progress.remark

    def local(self, position: Sequence[float]) -> Vector:
        """A position of the odometry frame, counted from the first waypoint (m)."""
        x, y, z = position
        return x - float(self.origin[0]), y - float(self.origin[1]), z

    def begin(self, position: Sequence[float]) -> None:
        """Start over at a position of the odometry frame (m), [3]."""
        self.progress.begin(np.array(self.local(position)[: self.spec.dimensions]))

    def advance(self, position: Sequence[float]) -> float:
        """Count the waypoint if it is reached; call once per decision. Returns the distance to the leg (m)."""
        return self.progress.advance(self.local(position)[: self.spec.dimensions])

    def fields(self, position: Sequence[float]) -> list[float]:
        """The mission's part of an observation."""
        return self.progress.observe(self.local(position)[: self.spec.dimensions])

    @property
    def done(self) -> bool:
        """Whether all waypoints have been reached."""
        return self.progress.done

    def info(self) -> dict[str, Any]:
        """``reached``, ``waypoints`` and ``is_success``."""
        info = self.progress.info()
        return {key: info[key] for key in ("reached", "waypoints", "is_success")}
