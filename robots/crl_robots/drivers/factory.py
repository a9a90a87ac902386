"""Drivers by name."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from crl.matching import nearest
from crl_robots.errors import RobotError
from crl_robots.robot import Robot
from crl_robots.spec import RobotSpec
from crl_robots.spec_file import load_spec

DRIVERS = {
    "sim": "crl_robots.drivers.sim:SimRobot",
    "replay": "crl_robots.drivers.replay:ReplayRobot",
    "ros2": "crl_robots.drivers.ros2:Ros2Robot",
}
"""Drivers that come with the package; others are installed with the entry-point group ``crl.robots``."""


def make_robot(driver: str, robot: str | Path | RobotSpec, **options: Any) -> Robot:
    """A robot that is not connected yet.

    Args:
        driver: ``sim``, ``replay``, ``ros2``, or the name of an installed driver.
        robot: A description, or the name or file of one.
        options: What the driver's class takes besides the description.

    Raises:
        RobotError: There is no such driver, or an option or the description is impossible.
    """
    spec = robot if isinstance(robot, RobotSpec) else load_spec(robot)
    installed = {point.name: point for point in entry_points(group="crl.robots")}
    if driver in DRIVERS:
        module, name = DRIVERS[driver].split(":")
        make = getattr(importlib.import_module(module), name)
    elif driver in installed:
        make = installed[driver].load()
    else:
        raise RobotError(f"there is no driver {driver!r}{nearest(driver, {*DRIVERS, *installed})}")
    try:
        return cast(Robot, make(spec, **options))
    except TypeError as error:
        raise RobotError(f"the driver {driver!r} does not take these options: {error}") from error
