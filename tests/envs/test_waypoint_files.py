"""Waypoint files as people have them: race lines, and missions of ground stations."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from crl_envs.missions.errors import MissionError
from crl_envs.missions.geodetic import Origin
from crl_envs.missions.waypoints import Mission

HOME = (47.3977, 8.5456, 488.0)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "# track of a race\n# x_m; y_m; w_tr_right_m\n0.5; -1.0; 3\n2.0; 4.0; 3\n",
        "# s_m;x_m;y_m;psi_rad\n0;0.5;-1;0\n1;2;4;0\n",
        "#x_m,y_m,w\n0.5,-1.0,1\n# half way\n2,4,1\n",
        "x;y\n0.5;-1\n\n2;4\n",
        "x,y\n0.5,-1\n2,4\n",
    ],
)
def test_race_lines(text: str, tmp_path: Path) -> None:
    mission = Mission.read(written(tmp_path, "line.csv", text), dimensions=2)
    np.testing.assert_array_equal(mission.points, [[0.5, -1.0], [2.0, 4.0]])


def test_a_fault_names_its_own_line(tmp_path: Path) -> None:
    with pytest.raises(MissionError, match=r"line 4, column y: 'no' is not a number"):
        Mission.read(written(tmp_path, "a.csv", "# a\n# x_m; y_m\n0; 1\n1; no\n"), dimensions=2)
    with pytest.raises(MissionError, match=r"line 2: the column y is missing"):
        Mission.read(written(tmp_path, "b.csv", "# a\n# x_m; z_m\n0; 1\n1; 2\n"), dimensions=2)


def lines(*rows: tuple[int, int, float, float, float]) -> str:
    """A .waypoints file of (command, frame, latitude, longitude, altitude)."""
    every = [(16, 0, *HOME), *rows]
    body = (f"{i}\t0\t{f}\t{c}\t0\t0\t0\t0\t{a:.8f}\t{b:.8f}\t{h}\t1" for i, (c, f, a, b, h) in enumerate(every))
    return "QGC WPL 110\n" + "\n".join(body) + "\n"


def plan(*rows: tuple[int, int, float, float, float]) -> str:
    items = [
        {"type": "SimpleItem", "command": c, "frame": f, "params": [0, 0, 0, None, a, b, h]} for c, f, a, b, h in rows
    ]
    return json.dumps({"fileType": "Plan", "mission": {"plannedHomePosition": list(HOME), "items": items}})


ROWS = (
    (22, 3, 0.0, 0.0, 10.0),  # take off from where it stands
    (16, 3, HOME[0] + 0.001, HOME[1], 12.0),
    (178, 2, 5.0, 3.0, 0.0),  # a speed
    (16, 0, HOME[0], HOME[1] + 0.001, HOME[2] + 20.0),
    (21, 3, HOME[0], HOME[1], 0.0),  # land
)


@pytest.mark.parametrize(("name", "text"), [("m.waypoints", lines(*ROWS)), ("m.plan", plan(*ROWS))])
def test_degrees_become_metres_from_home(name: str, text: str, tmp_path: Path) -> None:
    mission = Mission.read(written(tmp_path, name, text), dimensions=3)
    degree = math.pi / 180
    north, east = 6.3781e6 * 0.001 * degree, 6.3781e6 * 0.001 * degree * math.cos(HOME[0] * degree)
    np.testing.assert_allclose(mission.points, [[0, north, 12], [east, 0, 20]], rtol=5e-3, atol=1e-6)
    flat = Mission.read(tmp_path / name, dimensions=2)
    np.testing.assert_array_equal(flat.points, mission.points[:, :2])


def test_the_ellipsoid_has_its_known_degrees() -> None:
    """Lengths of a degree: 110,574 m of latitude and 111,320 m of longitude at the equator; 111,132 m at 45 degrees."""
    east, north = Origin(0.0, 179.9995).metres(0.0005, -179.9995)
    assert north / 0.0005 == pytest.approx(110_574, abs=1)
    assert east / 0.001 == pytest.approx(111_320, abs=1)
    assert Origin(45.0, 0.0).metres(45.001, 0.0)[1] / 0.001 == pytest.approx(111_132, abs=2)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.plan", "{", "is no plan"),
        ("a.plan", '{"mission": {"items": []}}', "planned home"),
        ("a.plan", plan().replace('"items": []', '"items": [{"type": "ComplexItem"}]'), "item 0 is no single waypoint"),
        ("a.waypoints", "QGC WPL 110\n0 1 0 16\n", "line 2: 4 cells"),
        ("a.waypoints", lines((16, 3, 95.0, 8.0, 1.0)), "are no degrees"),
        ("a.waypoints", lines((16, 3, float("nan"), 8.0, 1.0)), "not finite"),
        ("a.waypoints", lines((16, 3, HOME[0] + 1, HOME[1], 1.0), (16, 3, *HOME)), "from the first"),
    ],
)
def test_damaged_files_are_named(name: str, text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(MissionError, match=said):
        Mission.read(written(tmp_path, name, text), dimensions=3)
