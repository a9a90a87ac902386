"""Verdicts on classes of faults, against records made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from crl.reporting.pages.missions.expectations import expectations, expectations_table
from crl.reporting.tables.markdown import markdown
from tests.crl.reporting.pages.missions.test_tables import record


def flown(group: str, method: str, *, seeds: int = 3, **changes: Any) -> list[dict[str, Any]]:
    return [{**record(method, seed=seed, **changes), "class": group} for seed in range(seeds)]


def judged(group: str, ours: dict[str, Any], oracle: dict[str, Any], none: dict[str, Any]) -> dict[str, Any]:
    records = flown(group, "afm", **ours) + flown(group, "oracle", **oracle) + flown(group, "none", **none)
    (row,) = expectations(records)
    assert (row["class"], row["fault"]) == (group, "flip")
    return row


LOST: dict[str, Any] = {"completed": False, "crash": "touched the ground"}


@pytest.mark.parametrize(
    ("ours", "oracle", "met"),
    [({}, {}, True), (LOST, LOST, True), ({"completed": False}, {}, False), ({}, LOST, True), (LOST, {}, False)],
)
def test_correctable_faults_take_the_oracles_missions(ours: dict[str, Any], oracle: dict[str, Any], met: bool) -> None:
    assert judged("A", ours, oracle, LOST)["met"] is met


@pytest.mark.parametrize(
    ("steps", "error", "met"),
    [(100, 0.20, True), (120, 0.30, True), (121, 0.20, False), (100, 0.31, False), (90, 0.10, True)],
)
def test_half_of_the_oracles_gain_is_expected_of_degraded_bodies(steps: int, error: float, met: bool) -> None:
    none = {"steps": 140, "cross_track_fault": 0.4}
    row = judged("B", {"steps": steps, "cross_track_fault": error}, {"steps": 100, "cross_track_fault": 0.2}, none)
    assert row["met"] is met
    assert "of the oracle's gain of 29% in time" in row["measured"]


@pytest.mark.parametrize(("steps", "met"), [(104, True), (106, False), (90, True)])
def test_where_the_oracle_gains_nothing_degraded_bodies_must_not_suffer(steps: int, met: bool) -> None:
    assert judged("B", {"steps": steps}, {"steps": 99}, {"steps": 100})["met"] is met


def test_what_nobody_but_the_oracle_and_ours_completes_is_met() -> None:
    assert judged("B", {}, {}, LOST)["met"]
    assert not judged("B", {"completed": False}, {}, LOST)["met"]


@pytest.mark.parametrize(
    ("changes", "met"),
    [({}, True), ({"steps": 106}, False), ({"cross_track_fault": 0.22}, False), ({"steps": 80}, True), (LOST, False)],
)
def test_harmless_faults_stay_harmless(changes: dict[str, Any], met: bool) -> None:
    assert judged("C", changes, {}, {})["met"] is met


def test_a_nominal_mission_is_judged_by_all_of_its_error() -> None:
    nothing: dict[str, Any] = {"cross_track_fault": None, "fault": {}, "fault_came": None, "fault_went": None}
    assert judged("C", {**nothing, "cross_track": 0.104}, nothing, nothing)["met"]
    assert not judged("C", {**nothing, "cross_track": 0.106}, nothing, nothing)["met"]


def test_undoing_gains_above_one_may_cost_speed() -> None:
    fast: dict[str, Any] = {"fault": {"gain": [2, 2]}}
    assert judged("C", {**fast, "steps": 200}, fast, fast)["met"]
    assert not judged("C", {**fast, "cross_track_fault": 0.3}, fast, fast)["met"]


def test_a_crash_where_the_oracle_has_none_is_never_met() -> None:
    row = judged("D", LOST, {"completed": False, "given_up": True}, {})
    assert not row["met"]
    assert "3 crashed where the oracle did not" in row["measured"]
    assert judged("D", LOST, LOST, {})["met"]


STOPPED: dict[str, Any] = {"completed": False, "given_up": True, "given_up_at": 60}


@pytest.mark.parametrize(
    ("ours", "oracle", "met"),
    [({}, {}, True), (STOPPED, {}, True), (STOPPED, LOST, True), ({"completed": False}, {"completed": False}, False)],
)
def test_beyond_what_it_can_do_a_robot_arrives_or_gives_up(
    ours: dict[str, Any], oracle: dict[str, Any], met: bool
) -> None:
    """Whoever goes on until the time is over has not said that it can't."""
    assert judged("D", ours, oracle, LOST)["met"] is met


def test_it_is_said_how_long_giving_up_took() -> None:
    """50 steps after the fault, of 0.2 s each."""
    assert "3 given up after 10 s of the fault" in judged("D", STOPPED, {}, {})["measured"]
    older = judged("D", {"completed": False, "given_up": True}, {}, {})
    assert "3 given up, " in older["measured"]


def test_missions_that_cannot_be_compared_are_left_out() -> None:
    assert expectations(flown("A", "afm") + flown("A", "oracle")) == []
    assert expectations(flown("published", "afm") + flown("published", "oracle") + flown("published", "none")) == []
    only_common = flown("A", "afm", seeds=5) + flown("A", "oracle", seeds=3) + flown("A", "none", seeds=3)
    assert "3 of 3" in expectations(only_common)[0]["measured"]


def test_the_table_says_what_is_not_met() -> None:
    rows = expectations(flown("C", "afm", steps=150) + flown("C", "oracle") + flown("C", "none"))
    assert "| C | flip | no refiner's time and error | time 1.50, error 1.00 | **no** |" in markdown(
        expectations_table(rows)
    )


def test_a_class_is_judged_as_a_whole_too() -> None:
    """One fault is slower by 8 %, another quicker by as much: the class is unharmed."""
    other: dict[str, Any] = {"mission": "load"}
    records = flown("C", "afm", steps=108) + flown("C", "oracle") + flown("C", "none")
    records += flown("C", "afm", **other, steps=92) + flown("C", "oracle", **other) + flown("C", "none", **other)
    fast: dict[str, Any] = {"mission": "fast", "fault": {"gain": [2, 2]}}
    records += flown("C", "afm", **fast, steps=900) + flown("C", "oracle", **fast) + flown("C", "none", **fast)
    rows = expectations(records)
    assert [(row["fault"], row["met"]) for row in rows] == [
        ("flip", False),
        ("load", True),
        ("fast", True),
        ("all", True),
    ]
    assert rows[-1]["measured"] == "time 1.00, error 1.00"
