"""The observation of a robot: the numbers that the simulated task has, made of what a robot really says.

A robot's description lists the fields that its agent sees, by name and in order; :func:`observe` makes them of a
reading, the mission and the last command. So an agent that learned in simulation sees on the robot what it saw there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crl.safety.fence import Body
from crl_robots import geometry
from crl_robots.errors import RobotError

if TYPE_CHECKING:
    from crl_robots.mission import RobotMission
    from crl_robots.robot import Reading
    from crl_robots.spec import RobotSpec

UNITS: Mapping[str, str] = {
    "x": "m",
    "y": "m",
    "z": "m",
    "heading": "rad",
    "forward": "m/s",
    "sideways": "m/s",
    "turning": "rad/s",
    "velocity_x": "m/s",
    "velocity_y": "m/s",
    "velocity_z": "m/s",
    "roll": "rad",
    "pitch": "rad",
    "yaw_rate": "rad/s",
    "gravity_x": "1",
    "gravity_y": "1",
    "gravity_z": "1",
    "rate_x": "rad/s",
    "rate_y": "rad/s",
    "rate_z": "rad/s",
}
"""Fields that a reading gives, with their units."""


def known_fields(body: Body, names: Sequence[str], units: Sequence[str]) -> dict[str, str]:
    """Every field that a robot of this kind can observe, with its unit.

    Args:
        body: ``ground`` or ``air``.
        names: Elements of its action.
        units: Their units.
    """
    axes = "xy" if body == "ground" else "xyz"
    last = {f"last_{name}": unit for name, unit in zip(names, units, strict=True)}
    goals = {f"{which}_{axis}": "m" for which in ("goal", "then", "from") for axis in axes}
    return {**UNITS, **last, **goals, "reached": "1"}


def observe(spec: RobotSpec, reading: Reading, mission: RobotMission, last: Sequence[float]) -> NDArray[np.float32]:
    """The observation, float32 [S], fields as in ``spec.state``.

    x and y count from the mission's first waypoint, z from the ground; goals are relative to the robot in axes of the
    odometry frame; the rest is in axes of the heading or of the body as the names say.

    Args:
        spec: The robot.
        reading: What it said.
        mission: Its mission, advanced for this reading.
        last: The command that was sent before, [A].

    Raises:
        RobotError: A number is missing or not finite.
    """
    values = _measured(spec, reading, mission)
    values.update({f"last_{name}": value for name, value in zip(spec.limits.names, last, strict=True)})
    axes = "xyz"[: spec.dimensions]
    goals = [f"{which}_{axis}" for which in ("goal", "then", "from") for axis in axes]
    values.update(zip([*goals, "reached"], mission.fields(reading.position), strict=True))
    observation = np.array([values[item.name] for item in spec.state], dtype=np.float32)
    if not np.isfinite(observation).all():
        wrong = [item.name for item, value in zip(spec.state, observation, strict=True) if not np.isfinite(value)]
        raise RobotError(f"the observation of {spec.name} is not finite: {', '.join(wrong)}", "do not act on it")
    return observation


def _measured(spec: RobotSpec, reading: Reading, mission: RobotMission) -> dict[str, float]:
    """All fields of a reading by name."""
    turn = reading.orientation
    yaw = geometry.heading(turn)
    cosine, sine = math.cos(yaw), math.sin(yaw)
    vx, vy, vz = geometry.to_world(turn, reading.velocity)
    level = (cosine * vx + sine * vy, cosine * vy - sine * vx, vz)
    up = geometry.to_body(turn, (0.0, 0.0, 1.0))
    velocity = level if spec.velocity_axes == "heading" else reading.velocity
    values = dict(zip(("x", "y", "z"), mission.local(reading.position), strict=True))
    values.update(heading=yaw, forward=level[0], sideways=level[1])
    values["turning"] = geometry.to_world(turn, reading.rates)[2]
    values.update(roll=math.atan2(up[1], up[2]), pitch=-math.asin(min(max(up[0], -1.0), 1.0)))
    values["yaw_rate"] = reading.rates[2]
    for at, axis in enumerate("xyz"):
        values[f"velocity_{axis}"] = velocity[at]
        values[f"gravity_{axis}"] = -up[at]
        values[f"rate_{axis}"] = reading.rates[at]
    return values
