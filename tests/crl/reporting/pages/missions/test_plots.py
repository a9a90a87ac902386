"""Pictures of missions: what they show of a record, and that they are pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt

from crl.reporting.pages.missions import plots
from tests.crl.reporting.pages.missions.test_tables import record

POINTS = np.array([[0, 0], [4, 0], [4, 3]], np.float32)


def saved(folder: Path, made: dict[str, Any], steps: int = 60) -> dict[str, Any]:
    """A record with its path: along the way, with a bulge."""
    at = np.linspace(0, 1, steps + 1)
    path = np.stack([np.interp(at, [0, 0.6, 1], [0, 4, 4]), np.interp(at, [0, 0.6, 1], [0, 0, 3])], axis=1)
    path[:, 1] += 0.3 * np.sin(8 * at)
    file = folder / f"missions/{made['method']}/{made['map']}/{made['mission']}-{made['seed']}.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, path=path.astype(np.float32), waypoints=POINTS)
    return made


def test_a_picture_comes_out(tmp_path: Path) -> None:
    records = [
        saved(tmp_path, record(fault_came=10, fault_went=45, steps=60)),
        saved(tmp_path, record(seed=1, fault_went=None, completed=False, crash="left the fence")),
        saved(tmp_path, record(mission="nominal", fault={}, fault_came=None, fault_went=None, steps_to_identify=None)),
        saved(tmp_path, record("none", completed=False, reached=2, steps_to_identify=None, fault_went=None)),
    ]
    for ending in ("png", "svg"):
        plots.path_plot(records, tmp_path, tmp_path / f"paths.{ending}")
    assert (tmp_path / "paths.png").read_bytes().startswith(b"\x89PNG")
    picture = plt.imread(tmp_path / "paths.png")
    assert min(picture.shape[:2]) > 300
    assert float(picture[..., :3].std()) > 0.05
    assert "</svg>" in (tmp_path / "paths.svg").read_text()
    assert plt.get_fignums() == []  # nothing is left open


@pytest.mark.parametrize("flying", [False, True])
def test_what_is_drawn_is_what_happened(tmp_path: Path, flying: bool) -> None:
    made = saved(tmp_path, record(fault_came=10, fault_went=45, steps_to_identify=4, steps=60))
    if flying:
        file = tmp_path / "missions/afm/bend/flip-0.npz"
        data = np.load(file)
        high = [np.column_stack([data[name], np.ones(len(data[name]))]) for name in ("path", "waypoints")]
        np.savez_compressed(file, path=high[0], waypoints=high[1])
    path = np.load(tmp_path / "missions/afm/bend/flip-0.npz")["path"]
    figure, axis = plt.subplots()
    plots._draw(axis, made, tmp_path)
    lines: dict[str, Any] = {str(line.get_label()): line.get_xydata() for line in axis.get_lines()}
    plt.close(figure)
    np.testing.assert_allclose(lines["planned"], POINTS)
    np.testing.assert_allclose(lines["flown, before the fault"], path[:11, :2])
    np.testing.assert_allclose(lines["flown, with the fault"], path[10:46, :2])
    np.testing.assert_allclose(lines["flown, after it"], path[45:, :2])
    np.testing.assert_allclose(lines["fault comes"], path[[10], :2])
    np.testing.assert_allclose(lines["fault goes"], path[[45], :2])
    np.testing.assert_allclose(lines["identified"], path[[14], :2])
    assert axis.get_title() == "afm, flip\ncompleted, 60 steps"


def test_a_mission_without_a_fault_shows_none(tmp_path: Path) -> None:
    made = saved(tmp_path, record(fault={}, fault_came=None, fault_went=None, steps_to_identify=None))
    figure, axis = plt.subplots()
    plots._draw(axis, made, tmp_path)
    labels = {str(line.get_label()) for line in axis.get_lines()}
    plt.close(figure)
    assert labels == {"planned", "flown, before the fault"}
