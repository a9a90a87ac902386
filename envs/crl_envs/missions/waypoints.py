"""Waypoints from a CSV file or a ground station's, with complaints that name file, line and hint."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crl_envs.missions.errors import MissionError
from crl_envs.missions.ground_stations import is_ground_station, places

MAX_WAYPOINTS = 500
"""Most waypoints of a mission."""
MAX_EXTENT = 10_000.0
"""Longest distance of a waypoint from the first one (m): beyond it, float32 observations lose millimetres."""
DEGREES = frozenset(("lat", "latitude", "lon", "long", "lng", "longitude"))
"""Names of columns that hold degrees."""
_FOLDER = Path(__file__).parent / "maps"
MAPS = {path.stem: path for path in sorted(_FOLDER.glob("*.csv"))}
"""Name -> file of the maps that come with the package."""


@dataclass(frozen=True)
class Mission:
    """Waypoints to reach in order.

    Attributes:
        name: Name of the map: the file's name without its ending.
        points: Waypoints (m), float64 [N, 2] or [N, 3].
    """

    name: str
    points: NDArray[np.float64]

    @classmethod
    def read(cls, source: str | Path, *, dimensions: int, altitude: float = 0.0, closed: bool = False) -> Mission:
        """Read a map that comes with the package, or a user's file.

        A CSV file's first line names its columns: ``x``, ``y`` and, for flying bodies, ``z`` (m), in any order and
        case; other columns and empty lines are ignored. It may be one of a race line: separated by semicolons, with
        comments (``#``), of which the last one before the numbers names the columns, as in ``# x_m; y_m``. A ``.plan``
        or ``.waypoints`` file of QGroundControl is taken, too (:mod:`crl_envs.missions.ground_stations`).

        Args:
            source: Name of a shipped map (one of :data:`MAPS`) or path of a file.
            dimensions: 2 for ground vehicles (a column ``z`` is ignored), 3 for flying ones.
            altitude: Height (m) of all waypoints of a file without ``z``.
            closed: Whether the first waypoint is added at the end (as the published protocol does with its maps).

        Raises:
            MissionError: The file can't be read, lacks a column, holds what is not a finite number, fewer than 2 or
                more than 500 waypoints, or waypoints more than 10 km from the first.
        """
        path = MAPS.get(str(source), Path(source))
        rows = list(_rows(path, dimensions, altitude))
        if len(rows) < 2:
            raise MissionError(
                f"{path} has {len(rows)} waypoint{'s' * (len(rows) != 1)}, a mission needs at least 2",
                "add lines with x,y[,z]",
            )
        if closed:
            rows.append(rows[0])
        return cls(path.stem, np.array(rows, dtype=np.float64))

    @classmethod
    def of(cls, points: Sequence[Sequence[float]] | NDArray[np.float64], name: str = "custom") -> Mission:
        """A mission of given waypoints [N, 2] or [N, 3] (m).

        Raises:
            MissionError: The shape is another one, or a number is not finite.
        """
        array = np.array(points, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] not in (2, 3) or not 2 <= len(array) <= MAX_WAYPOINTS:
            raise MissionError(
                f"waypoints have the shape {array.shape}", f"give [N, 2] or [N, 3] with 2 <= N <= {MAX_WAYPOINTS}"
            )
        if not np.isfinite(array).all():
            raise MissionError(f"waypoint {int(np.argmax(~np.isfinite(array).all(axis=1)))} is not finite")
        return cls(name, array)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def length(self) -> float:
        """Length of the path along the waypoints (m)."""
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).sum())

    @property
    def extent(self) -> float:
        """Greatest distance of a waypoint from the first one (m)."""
        return float(np.linalg.norm(self.points - self.points[0], axis=1).max())

    def check_radius(self, radius: float) -> str | None:
        """Whether a radius within which a waypoint is reached (m) makes sense for the path.

        Returns:
            What is odd about it, if something is: consecutive waypoints that are nearer to each other than the radius.

        Raises:
            MissionError: All waypoints are so near to the first that a robot which stands there has reached them all.
        """
        if self.extent <= radius:
            raise MissionError(
                f"all waypoints of {self.name!r} are within {self.extent:.3g} m of the first, inside the radius of "
                f"{radius:g} m: a robot that stands still would reach them",
                "give metres in a local frame (not degrees), or a smaller radius",
            )
        apart = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        near = np.flatnonzero(apart < radius)
        if not len(near):
            return None
        at = int(near[0])
        pairs = f" ({len(near)} such pairs)" if len(near) > 1 else ""
        return (
            f"waypoints {at} and {at + 1} of {self.name!r} are {apart[at]:.3g} m apart, less than the radius of "
            f"{radius:g} m{pairs}: one place reaches both. Thin them out, or give a smaller radius"
        )


def _rows(path: Path, dimensions: int, altitude: float) -> Iterator[list[float]]:
    """The waypoints of a file, each checked as it is read: a huge file is refused at its 501st waypoint."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise MissionError(
            f"the waypoint file {path} can't be read ({reason})",
            "give the path of a CSV file with the columns x,y[,z], a .plan or .waypoints file, or a map that ships: "
            + ", ".join(MAPS),
        ) from error
    wanted = ["x", "y", "z"][:dimensions]
    if is_ground_station(text, path):
        yield from _near((where, list(place[:dimensions])) for where, place in places(text, path))
    else:
        yield from _near(_of_csv(path, text, wanted, altitude))


def _of_csv(path: Path, text: str, wanted: list[str], altitude: float) -> Iterator[tuple[str, list[float]]]:
    """Every point of a CSV file with where it stands."""
    lines = text.splitlines()
    named = 0  # the line that names the columns
    while named + 1 < len(lines) and lines[named].lstrip().startswith("#"):
        if not lines[named + 1].lstrip().startswith("#"):
            break
        named += 1
    separator = ";" if named < len(lines) and ";" in lines[named] else ","
    reader = csv.reader(lines[named:], delimiter=separator)
    header = [cell.strip(" #\t").lower().removesuffix("_m") for cell in next(reader, [])]
    missing = [name for name in wanted[:2] if name not in header]
    if missing:
        raise MissionError(
            f"{path}, line {named + 1}: the column{'s' * (len(missing) > 1)} {' and '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} missing, found {','.join(header) or 'nothing'}",
            f"begin the file with a line {','.join(wanted)}"
            + (", and turn degrees into metres in a local frame" if DEGREES & set(header) else ""),
        )
    columns = [(name, header.index(name)) for name in wanted if name in header]
    for cells in reader:
        if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
            continue
        where = f"{path}, line {named + reader.line_num}"
        point = [_coordinate(cells, at, f"{where}, column {name}") for name, at in columns]
        yield where, point + [altitude] * (len(wanted) - len(point))


def _near(points: Iterable[tuple[str, list[float]]]) -> Iterator[list[float]]:
    """The points, if they are not too many and near enough to each other."""
    first: list[float] | None = None
    for count, (where, point) in enumerate(points, 1):
        if count > MAX_WAYPOINTS:
            raise MissionError(
                f"{where}: the file has more than {MAX_WAYPOINTS} waypoints, the most that a mission may have",
                "thin it out (waypoints need not be nearer to each other than the radius), or split it",
            )
        first = first or point
        if math.dist(point, first) > MAX_EXTENT:
            raise MissionError(
                f"{where}: the waypoint is {math.dist(point, first):.0f} m from the first, "
                f"at most {MAX_EXTENT:.0f} m are possible",
                "give metres in a local frame, not degrees or a typing error",
            )
        yield point


def _coordinate(cells: list[str], at: int, where: str) -> float:
    text = cells[at].strip() if at < len(cells) else ""
    if not text:
        raise MissionError(f"{where}: the value is missing", "fill it in, or delete the line")
    try:
        value = float(text)
    except ValueError:
        raise MissionError(f"{where}: {text!r} is not a number", "write metres with a decimal point") from None
    if not math.isfinite(value):
        raise MissionError(f"{where}: {text!r} is not finite", "write metres with a decimal point")
    return value
