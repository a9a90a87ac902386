"""Criteria are judged by means over fits and missions; intervals draw both levels."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crl.reporting.confirmations.criteria import Criterion, estimate
from crl.reporting.confirmations.page import write_confirmation
from crl.reporting.confirmations.two_levels import two_level_interval

GIVEN: dict[str, Any] = {
    "class": "A",
    "completed": True,
    "crash": None,
    "given_up": False,
    "given_up_at": None,
    "fault_came": 10,
    "reached_fraction": 1.0,
    "cross_track": 0.1,
    "cross_track_fault": None,
    "false_alarms": 0,
    "ms": {"refine": {"median": 0.5}},
}


def record(method: str, fit: int, mission: str, steps: int, **changes: Any) -> dict[str, Any]:
    return {**GIVEN, "method": method, "fit": fit, "mission": mission, "steps": steps, **changes}


RECORDS = [
    record("afm", 0, "gains-0", 100),
    record("afm", 0, "gains-1", 300),
    record("afm", 1, "gains-0", 200),
    record("afm", 1, "gains-1", 500, completed=False, given_up=True, given_up_at=60, **{"class": "D"}),
    record("none", 0, "gains-0", 200),
    record("none", 0, "gains-1", 400, completed=False, crash="fence"),
    record("none", 1, "gains-0", 200),
]


def test_means_are_over_the_missions_that_have_the_quantity() -> None:
    assert estimate(RECORDS, "afm", "steps").value == pytest.approx(200)
    assert estimate(RECORDS, "afm", "success").value == pytest.approx(0.75)
    assert estimate(RECORDS, "afm", "success", "A").value == pytest.approx(1)
    assert estimate(RECORDS, "afm", "safe_end").value == pytest.approx(1)
    assert estimate(RECORDS, "none", "safe_end").value == pytest.approx(2 / 3)
    assert estimate(RECORDS, "afm", "steps_to_stop").value == pytest.approx(50)
    assert math.isnan(estimate(RECORDS, "afm", "cross_track_fault").value)


def test_ratios_are_of_the_same_fit_and_mission_where_both_completed() -> None:
    assert estimate(RECORDS, "afm", "steps", relative_to="none").value == pytest.approx((0.5 + 1.0) / 2)


def test_differences_are_of_the_same_fit_and_mission() -> None:
    assert estimate(RECORDS, "none", "steps", minus="afm").value == pytest.approx((100 + 0) / 2)
    assert estimate(RECORDS, "afm", "success", minus="none").value == pytest.approx((0 + 1 + 0) / 3)


def test_a_criterion_without_a_value_does_not_hold() -> None:
    bound = Criterion("afm", "cross_track_fault", at_most=1.0)
    assert not bound.holds(bound.estimate(RECORDS).value)
    assert Criterion("afm", "success", at_least=0.75).holds(0.75)
    assert not Criterion("afm", "success", at_least=0.75).holds(0.74)
    assert not Criterion("afm", "crashes", at_most=0.0).holds(0.1)


def test_intervals_grow_with_the_difference_between_fits() -> None:
    """Were missions drawn without their fits, both would be equally wide: the values are the same."""
    alike = [np.array([0.0, 1.0] * 10) for _ in range(6)]
    apart = [np.full(20, float(at % 2)) for at in range(6)]
    assert two_level_interval(alike).value == two_level_interval(apart).value == 0.5
    width = {
        name: two_level_interval(v).high - two_level_interval(v).low for name, v in (("alike", alike), ("apart", apart))
    }
    assert width["apart"] > 2 * width["alike"] > 0


def test_intervals_hold_the_true_mean_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(100):
        values = [rng.normal(rng.normal(0, 1), 1, size=10) for _ in range(10)]
        found = two_level_interval(values, seed=trial, resamples=300)
        held += found.low <= 0 <= found.high
    assert held >= 83  # ten fits: a percentile interval is somewhat narrow


def test_one_fit_gives_no_interval_and_none_no_value() -> None:
    assert not two_level_interval([np.array([1.0, 2.0])]).known
    assert math.isnan(two_level_interval([]).value)


HEADER = {"command": "crl confirm one", "commit": "1234567", "code": "0.1-a", "block": 3, "fits": 2, "planned": 7}


def test_the_page_says_what_holds_and_its_json_suffices_to_judge_again(tmp_path: Path) -> None:
    criteria = [
        Criterion("afm", "success", at_least=0.7),
        Criterion("afm", "steps", relative_to="none", at_most=0.5),
        Criterion("afm", "refine_ms", at_most=1.0),
    ]
    page, passed = write_confirmation(
        tmp_path, name="one", claim="It holds.", source="fits: 2", header=HEADER, criteria=criteria, records=RECORDS
    )
    text = page.read_text()
    assert not passed
    assert text.count("| pass |") == 2
    assert text.count("| fail |") == 1
    assert "not all criteria hold" in text
    kept = json.loads((tmp_path / "confirm_one.json").read_text())
    assert [verdict["holds"] for verdict in kept["criteria"]] == [True, False, True]
    for criterion in criteria:
        assert criterion.estimate(kept["missions"]).value == criterion.estimate(RECORDS).value


def test_criteria_are_open_while_missions_are_missing(tmp_path: Path) -> None:
    criteria = [Criterion("afm", "success", at_least=0.1)]
    page, passed = write_confirmation(
        tmp_path, name="one", claim="c", source="", header={**HEADER, "planned": 8}, criteria=criteria, records=RECORDS
    )
    assert not passed
    assert "| open |" in page.read_text()
    assert "not finished" in page.read_text().splitlines()[0]
