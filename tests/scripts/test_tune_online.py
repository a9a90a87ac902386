"""The tuning of online learning takes the point that completes most, and says nothing before all are flown."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "tune_online.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def record(mission: str, completed: bool, reached: float = 0.5) -> dict[str, Any]:
    return {"mission": mission, "completed": completed, "reached_fraction": reached, "steps": 700, "commit": "1234567"}


def test_a_point_flies_published_gains_with_seeds_of_development(script: dict[str, Any]) -> None:
    planned = script["trials"](0.0, 1e-3, 2)
    assert len(planned) == 2 * 8 == 2 * len(script["GAINS"])
    assert {trial.seed for trial in planned} == {1, 2}
    config = planned[0].method.config()
    assert (config.body.nominal, config.body.online_lr, config.refiner.name) == (0.0, 1e-3, "none")
    assert {tuple(trial.mission.fault["gain"]) for trial in planned} >= {(-1, -1), (1, -0.5)}


def test_points_share_a_fit_and_nothing_else(script: dict[str, Any]) -> None:
    one, other = (script["trials"](share, 1e-3, 1)[0] for share in (0.0, 0.5))
    assert one.method.fit == other.method.fit
    assert one.method.fit_config() == other.method.fit_config()
    assert one.file != other.file


def test_the_point_that_completes_most_is_taken_then_the_one_that_reaches_most(script: dict[str, Any]) -> None:
    points = [(share, rate) for share in script["SHARES"] for rate in script["RATES"]]
    rows = [script["row"](*point, 2, [record("gain_-1_1", False), record("gain_1_-1", False)]) for point in points]
    rows[5] = script["row"](*points[5], 2, [record("gain_-1_1", True, 1.0), record("gain_1_-1", False, 0.2)])
    rows[7] = script["row"](*points[7], 2, [record("gain_-1_1", True, 1.0), record("gain_1_-1", False, 0.3)])
    found = script["best"](rows)
    assert (found["nominal"], found["rate"]) == points[7]
    told = script["page"]({"seeds": 1, "grid": rows, "chosen": found})
    assert f"body.nominal={points[7][0]:g} body.online_lr={points[7][1]:g}" in told
    assert "1 of 2" in told
    assert script["best"](rows[:-1]) is None
    rows[0]["flown"] = 1
    assert script["best"](rows) is None
    assert "nothing is chosen" in script["page"]({"seeds": 1, "grid": rows, "chosen": None})
