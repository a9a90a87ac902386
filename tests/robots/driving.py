"""A driver for tests: points the robot at its waypoint and goes, through the wall as everybody else."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from crl.safety.wall import SafeCommand, SafetyWall
from crl_robots import RobotMission, RobotSpec, observe
from crl_robots.robot import Reading, Robot


def towards(spec: RobotSpec, observation: np.ndarray) -> list[float]:
    """A command that leads to the waypoint, of the observation alone."""
    seen = dict(zip([item.name for item in spec.state], observation.tolist(), strict=True))
    bearing = math.remainder(math.atan2(seen["goal_y"], seen["goal_x"]) - seen["heading"], math.tau)
    way = math.hypot(seen["goal_x"], seen["goal_y"])
    if spec.body == "ground":
        return [math.cos(bearing) if abs(bearing) < 1 else 0.0, 1.5 * bearing]
    speed = min(1.5, 1.2 * way + 0.2)
    return [speed * math.cos(bearing), speed * math.sin(bearing), 1.5 * seen["goal_z"], 0.0]


def drive(
    robot: Robot,
    mission: RobotMission,
    steps: int,
    watch: Callable[[Reading, SafeCommand, SafetyWall], Any] | None = None,
) -> SafetyWall:
    """Drive until the mission is done, or for ``steps`` readings."""
    spec = robot.spec
    wall = SafetyWall(spec.wall_settings(), clock=robot.clock)
    last, begun = list(spec.limits.safe), False
    for _ in range(steps):
        reading = robot.read(timeout=1.0)
        if reading is None:
            break
        if wall.observe(reading.situation()) is None:
            if begun:
                mission.advance(reading.position)
            else:
                mission.begin(reading.position)
                begun = True
            wall.propose(towards(spec, observe(spec, reading, mission, last)))
        command = wall.command()
        robot.command(command)
        last = command.action.tolist()
        if watch is not None:
            watch(reading, command, wall)
        if mission.done:
            break
    return wall
