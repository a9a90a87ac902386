"""Missions in reports: every one that was flown is counted, in every format."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from crl.reporting.reports import Options, write_reports
from crl.reporting.runs import read_run
from tests.crl.reporting.folders import leave

MS = {"plan": {"median": 3.0, "p99": 4.0}, "step": {"median": 5.0, "p99": 6.0}}


def flown(mission: str, done: bool, *, seed: int = 90_000, **more: Any) -> dict[str, Any]:
    record = {"mission": mission, "class": "gain", "fault": {"gain": [1, 2]}, "seed": seed, "completed": done}
    way = {"reached": 31 if done else 3, "waypoints": 31, "reached_fraction": 1.0 if done else 3 / 31}
    course = {"steps": 600, "seconds": 120.0, "crash": None, "given_up": not done, "cross_track": 0.1}
    fault = {"cross_track_fault": 0.2, "cross_track_after": 0.1, "fault_came": 90, "fault_went": 400}
    found = {"steps_to_identify": 12, "steps_to_clear": 9, "alarms": 2, "false_alarms": 0, "nominal_steps": 200}
    return {**record, **way, **course, **fault, **found, "beyond": 0.0, "ms": MS, **more}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for seed in range(2):
        every = [flown(f"gain_{place}", True) for place in range(12)]
        some = [flown(f"gain_{place}", place < 3, crash="rolled over" if place == 11 else None) for place in range(12)]
        for name, missions in (("refiner_afm", every), ("refiner_none", some)):
            leave(tmp_path / "runs", name, seed, tasks=("nominal",), missions=missions)
    return tmp_path


def written(root: Path) -> dict[str, str]:
    files = {kind: root / f"out.{kind}" for kind in ("html", "md", "csv", "latex")}
    write_reports([str(root / "runs")], files, Options(normalise=False))
    return {kind: path.read_text() for kind, path in files.items()}


def test_missions_are_in_every_format(runs: Path) -> None:
    texts = written(runs)
    for kind in ("html", "md"):
        text = texts[kind].replace("<code>", "`").replace("</code>", "`")
        assert "`refiner_afm` completed 24 of 24 missions and reached 100% of their waypoints." in text, kind
        assert "`refiner_none` completed 6 of 24 missions" in text
        assert "2 missions ended in a crash" in text
    assert "30 of 48" in texts["html"] and "missions completed" in texts["html"]
    assert 'id="part1-missions"' in texts["html"]
    assert "| refiner_afm | gain | 1.000 [1.000, 1.000] | 24 of 24 | 0 | 600" in texts["md"]
    assert "| gain_11 | gain | 2 of 2 | 0 of 2 |" in texts["md"]
    assert "Missions completed, by fault" in texts["latex"]
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    shares = {row["method"]: float(row["value"]) for row in rows if row["metric"] == "missions_completed"}
    assert shares == {"refiner_afm": 1.0, "refiner_none": 0.25}
    assert len([row for row in rows if row["metric"] == "mission_reached"]) == 48


@pytest.mark.parametrize("ms", [None, {}, {"plan": 3}, {"plan": {"median": 3.0}}, {"plan": {"median": "x", "p99": 1}}])
def test_a_mission_counts_without_milliseconds(tmp_path: Path, ms: Any) -> None:
    leave(tmp_path / "runs", "refiner_afm", 0, tasks=("nominal",), missions=[flown("a", True, ms=ms)])
    assert "`refiner_afm` completed 1 of 1 mission and" in written(tmp_path)["md"]


def test_without_missions_nothing_is_said_of_them(tmp_path: Path) -> None:
    leave(tmp_path / "runs", "hypercrl", 0, missions=[])
    leave(tmp_path / "runs", "finetune", 0)
    assert all("ission" not in text.replace("permission", "") for text in written(tmp_path).values())


@pytest.mark.parametrize(
    "odd",
    [None, "x", 3, [None], [{}], [[1]], [{"mission": "a"}], [{**flown("a", True), "steps": "x"}], {"a": 1}],
)
def test_records_of_another_form_are_passed_over(tmp_path: Path, odd: Any) -> None:
    folder = leave(tmp_path / "runs", "refiner_afm", 0, tasks=("nominal",), missions=odd)
    assert read_run(folder).missions == []
    assert "Missions" not in written(tmp_path)["md"]
