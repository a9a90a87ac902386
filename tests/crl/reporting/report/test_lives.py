"""Runs that only lived: a section of their own, with means over seeds, in every format of a report."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crl.errors import CrlError
from crl.reporting.html.figures import lives as figures
from crl.reporting.report import lives
from crl.reporting.report.gather import Gathered, gather
from crl.reporting.reports import Options, write_reports
from crl.reporting.runs import read_run
from crl.reporting.statistics import interval
from crl.reporting.store.discover import discover
from tests.crl.reporting.folders import leave

TIMELINE = [[0, 0, 0, "known"], [100, 3, 0, "known"], [110, 3, 0, "bridged"], [140, 3, 5, "known"]]


def life(**more: Any) -> dict[str, Any]:
    return {
        "steps": 200,
        "waypoints": 30.0,
        "cross_track": 0.25,
        "right": 0.9,
        "known": 2,
        "recalled": 0.5,
        "recalls": 4,
        "false_alarms": 1,
        "unchanged": 120,
        "crashes": 0,
        "by_regime": {"nominal": {"steps": 100}, "3_gains": {"steps": 100}},
        "timeline": TIMELINE,
        "beside": [0.1, 0.2, 0.3, 0.4],
        "beside_every": 50,
        **more,
    }


def leave_life(root: Path, arm: str, seed: int, **more: Any) -> Path:
    """A run that began with what another one has learned, and lived."""
    return leave(root, arm, seed, tasks=(), life=life(**more))


@pytest.fixture
def lived(tmp_path: Path) -> Gathered:
    for seed, waypoints in enumerate((30.0, 40.0, 41.0)):
        leave_life(tmp_path, "refiner_lifelong", seed, waypoints=waypoints, crashes=seed)
        leave_life(tmp_path, "refiner_afm", seed, waypoints=10.0, recalled=None, recalls=0)
    return gather(discover(tmp_path))


def test_lives_have_a_section_of_their_own(lived: Gathered) -> None:
    assert not lived.sections
    assert not any("not in the report" in problem for problem in lived.problems)
    (section,) = lived.lives
    assert section.title == "slides: lives of 200 steps"
    assert {name: len(runs) for name, runs in section.groups.items()} == {"refiner_afm": 3, "refiner_lifelong": 3}


def test_a_body_without_waypoints_is_judged_by_its_reward(tmp_path: Path) -> None:
    goals = {"waypoints": None, "cross_track": None, "goal_distance": 0.25}
    for seed in range(2):
        leave_life(tmp_path, "refiner_lifelong", seed, reward=0.75, **goals)
    (section,) = gather(discover(tmp_path)).lives
    assert not lives.waypoints(section)
    assert "earned 0.750" in lives.said(section)[0]
    for table in lives.tables(section):
        assert not any("waypoints" in heading or "cross-track" in heading for heading in table.head)
        assert any("distance to the goal" in heading for heading in table.head)
    assert [row[3] for row in lives.runs(section).rows] == [0.75, 0.75]
    (blocks, _) = figures.lives(section)
    assert blocks.figures[0].title == "Reward per step"


def test_an_arm_has_one_row_with_intervals_over_its_seeds(lived: Gathered) -> None:
    by_arm, every = lives.tables(lived.lives[0])
    rows = {row[0]: dict(zip(by_arm.head, row, strict=True)) for row in by_arm.rows}
    assert rows["refiner_lifelong"]["seeds"] == 3
    assert rows["refiner_lifelong"]["waypoints per 1,000 steps"] == interval(np.array([30.0, 40.0, 41.0]))
    assert rows["refiner_lifelong"]["crashes"].value == 1.0
    assert rows["refiner_afm"]["recalled (%)"] is None, "it has no memory that could recall"
    text = {row[0].value: list(map(str, row)) for row in by_arm.written}
    assert text["refiner_afm"][by_arm.head.index("recalled (%)")] == "-"
    assert text["refiner_lifelong"][by_arm.head.index("recalled (%)")] == "50 [50, 50]"
    assert len(every.rows) == 6
    assert [str(cell) for cell in every.written[-1]][-3:] == ["50% of 4", "1 in 120", "2"]


def test_what_is_said_follows_from_the_lives(lived: Gathered) -> None:
    afm, lifelong = lives.said(lived.lives[0])
    assert afm == "`refiner_afm` reached 10.0 [10.0, 10.0] waypoints per 1,000 steps, and crashed 0 times in 3 lives."
    assert "recalled 50 [50, 50] % of the regimes that came back, and crashed 3 times in 3 lives." in lifelong
    assert any("the bootstrap of 3 runs" in line for line in lives.limits(lived.lives[0]))


def test_lives_of_different_lengths_do_not_compare(tmp_path: Path) -> None:
    leave_life(tmp_path, "refiner_afm", 0)
    leave_life(tmp_path, "refiner_lifelong", 0, steps=300)
    found = gather(discover(tmp_path))
    assert sorted(section.title for section in found.lives) == [
        "slides: lives of 200 steps",
        "slides: lives of 300 steps",
    ]


def test_every_format_has_the_lives_beside_scores(tmp_path: Path) -> None:
    runs, out = tmp_path / "runs", tmp_path / "out"
    for seed in range(2):
        leave(runs, "hypercrl", seed)
        leave_life(runs, "refiner_afm", seed, waypoints=10.0 + seed)
    files = {kind: out / f"report.{kind}" for kind in ("html", "md", "csv", "latex")}
    made = write_reports([str(runs)], files, Options(normalise=False))
    assert not any("not in the report" in problem for problem in made.problems)
    html, markdown, table, latex = (files[kind].read_text() for kind in ("html", "md", "csv", "latex"))
    assert "## slides\n" in markdown and "## slides: lives of 200 steps\n" in markdown
    assert "| refiner_afm | 2 | 10.5 [10.0, 11.0] |" in markdown
    assert r"refiner\_afm & 2 & 10.5 {\small [10.0, 11.0]}" in latex
    assert html.count("True and believed regime over the steps of refiner_afm") == 2, "a drawing per life"
    assert 'id="lives1-lives"' in html and "2 of 2" not in html
    rows = [row for row in csv.DictReader(io.StringIO(table)) if row["metric"] == "life_waypoints_per_1000_steps"]
    assert [(row["seeds"], row["value"], row["low"]) for row in rows] == [
        ("2", "10.5", "10.0"),
        ("seed 0", "10.0", ""),
        ("seed 1", "11.0", ""),
    ]


def test_lives_of_runs_that_learned_the_body_stand_beside_their_scores(tmp_path: Path) -> None:
    leave(tmp_path / "runs", "refiner_lifelong", 0, tasks=("nominal",), life=life())
    found = gather(discover(tmp_path / "runs"))
    assert not found.lives
    write_reports([str(tmp_path / "runs")], {"md": tmp_path / "r.md"}, Options(normalise=False))
    assert "### Lives, by arm" in (tmp_path / "r.md").read_text()


@pytest.mark.parametrize(
    "broken",
    [
        {"waypoints": "many"},
        {"timeline": [[0, 0, 0]]},
        {"timeline": [["a", 0, 0, "known"]]},
        {"by_regime": {"nominal": {}}},
        {"steps": None},
    ],
)
def test_a_life_that_is_no_life_is_named_and_left_out(tmp_path: Path, broken: dict[str, Any]) -> None:
    folder = leave_life(tmp_path, "refiner_afm", 0, **broken)
    assert read_run(folder).life is None
    found = gather([folder])
    assert not found.lives and any("is not in the report" in problem for problem in found.problems)


def test_a_base_that_no_run_has_is_refused(tmp_path: Path) -> None:
    leave_life(tmp_path / "runs", "refiner_afm", 0)
    with pytest.raises(CrlError, match=r"no run here is of 'ewc'\nmethods: refiner_afm"):
        write_reports([str(tmp_path / "runs")], {"md": tmp_path / "r.md"}, Options(base="ewc"))
    write_reports([str(tmp_path / "runs")], {"md": tmp_path / "r.md"}, Options(base="refiner_afm"))


def test_results_as_a_run_writes_them_are_a_life(tmp_path: Path) -> None:
    from crl.adaptation.base import Belief
    from crl.training.lives.record import LifeRecord, LivedStep

    record = LifeRecord()
    for step in range(120):
        regime = step // 40 % 2
        record.step(LivedStep(regime, f"{regime}_r", True, 0.5, 0.1, Belief(regime, "known", 2)))
    written = {**record.results(reached=3, crashes=0), "known": 2}
    folder = leave(tmp_path, "refiner_afm", 0, tasks=(), life=json.loads(json.dumps(written)))
    assert read_run(folder).life == written
