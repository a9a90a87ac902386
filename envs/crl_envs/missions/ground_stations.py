"""Waypoint files of ground stations: QGroundControl's ``.plan`` and the older ``.waypoints`` (``QGC WPL``).

Positions are in degrees. The planned home is the origin of the local frame, x is east and y is north (m). Waypoints and
the take-off count; other commands (landing, speed, camera) say nothing of where to go and are left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crl_envs.missions.errors import MissionError
from crl_envs.missions.geodetic import Origin

HEAD = "QGC WPL"
"""How a ``.waypoints`` file begins."""
WAYPOINTS = frozenset((16, 22, 82))
"""MAVLink commands that name a place to fly to: NAV_WAYPOINT, NAV_TAKEOFF, NAV_SPLINE_WAYPOINT."""
RELATIVE = frozenset((3, 6, 10, 11))
"""MAVLink frames whose heights are relative to home (or to the terrain, which is flat here)."""
CELLS = 12
"""Cells of a line of a ``.waypoints`` file."""


def is_ground_station(text: str, path: Path) -> bool:
    """Whether a file is of a ground station."""
    return text.startswith(HEAD) or path.suffix.lower() == ".plan"


def places(text: str, path: Path) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Every waypoint with where it stands in the file: metres east and north of home, and above it.

    Raises:
        MissionError: The file is damaged, or holds what is no single waypoint (a survey).
    """
    items = _of_lines(text, path) if text.startswith(HEAD) else _of_plan(text, path)
    origin = None
    for where, (command, frame, latitude, longitude, altitude) in items:
        if origin is None:  # home comes first
            origin = Origin(latitude, longitude, altitude)
            continue
        if command not in WAYPOINTS or (latitude == 0 and longitude == 0):  # a take-off from where it stands
            continue
        if not (abs(latitude) <= 90 and abs(longitude) <= 180):
            raise MissionError(f"{where}: {latitude:g}, {longitude:g} are no degrees", "write latitude, longitude")
        height = altitude if frame in RELATIVE else altitude - origin.altitude
        yield where, (*origin.metres(latitude, longitude), height)


Item = tuple[int, int, float, float, float]
"""Command, frame, latitude, longitude, altitude."""


def _of_lines(text: str, path: Path) -> Iterator[tuple[str, Item]]:
    for number, line in enumerate(text.splitlines()[1:], 2):
        cells = line.split()
        if not cells:
            continue
        where = f"{path}, line {number}"
        if len(cells) != CELLS:
            raise MissionError(f"{where}: {len(cells)} cells in place of {CELLS}", "save the mission again")
        yield where, _item(where, cells[3], cells[2], cells[8:11])


def _of_plan(text: str, path: Path) -> Iterator[tuple[str, Item]]:
    try:
        mission = json.loads(text)["mission"]
        home, items = mission["plannedHomePosition"], list(mission["items"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MissionError(
            f"{path} is no plan of QGroundControl: {error!r}", "save the plan again; it needs a planned home"
        ) from error
    yield f"{path}, plannedHomePosition", _item(f"{path}, plannedHomePosition", 0, 0, home)
    for number, item in enumerate(items):
        where = f"{path}, item {number}"
        if not isinstance(item, Mapping) or item.get("type") != "SimpleItem":
            raise MissionError(
                f"{where} is no single waypoint but a pattern", "save the mission as .waypoints, which lists its points"
            )
        params = item.get("params")
        yield (
            where,
            _item(where, item.get("command"), item.get("frame"), params[4:7] if isinstance(params, list) else ()),
        )


def _item(where: str, command: Any, frame: Any, place: Any) -> Item:
    try:
        latitude, longitude, altitude = (float(0 if part is None else part) for part in place)
        read = int(command), int(frame), latitude, longitude, altitude
    except (TypeError, ValueError) as error:
        raise MissionError(f"{where}: {error}", "save the mission again") from error
    if not all(math.isfinite(part) for part in read):
        raise MissionError(f"{where}: a number is not finite", "save the mission again")
    return read
