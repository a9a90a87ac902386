"""Tables of missions against records made by hand, where every number can be told in advance."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from crl.reporting.pages.missions.tables import missions_table, summarise_missions
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.terminal import terminal


def record(method: str = "afm", mission: str = "flip", seed: int = 0, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "method": method,
        "refiner": method.removesuffix("_unclipped"),
        "clipped": not method.endswith("_unclipped"),
        "map": "bend",
        "mission": mission,
        "class": "A",
        "fault": {"gain": [-1, 1]},
        "seed": seed,
        "completed": True,
        "reached": 6,
        "waypoints": 6,
        "reached_fraction": 1.0,
        "steps": 100,
        "seconds": 20.0,
        "crash": None,
        "given_up": False,
        "given_up_at": None,
        "cross_track": 0.1,
        "cross_track_fault": 0.2,
        "fault_came": 10,
        "fault_went": 80,
        "steps_to_identify": 2,
        "false_alarms": 0,
        "nominal_steps": 30,
        "ms": {"plan": {"median": 2.0, "p99": 4.0}, "step": {"median": 3.0, "p99": 6.0}},
    }
    assert set(changes) <= set(made)
    return {**made, **changes}


def only(rows: list[dict[str, Any]], method: str, group: str = "A") -> dict[str, Any]:
    (row,) = (row for row in rows if (row["method"], row["class"]) == (method, group))
    return row


def test_steps_are_those_of_completed_missions_and_success_of_all() -> None:
    records = [
        record(seed=0, steps=100),
        record(seed=1, completed=False, reached_fraction=0.5, steps=999, crash="hit a tree"),
        record(seed=2, completed=False, reached_fraction=0.25, steps=999, given_up=True),
    ]
    row = only(summarise_missions(records), "afm")
    assert (row["missions"], row["completed"], row["crashes"], row["given_up"]) == (3, 1, 1, 1)
    assert row["success"]["mean"] == pytest.approx(1.75 / 3)
    assert row["steps"] == {"mean": 100.0, "low": None, "high": None}
    assert 0.25 <= row["success"]["low"] <= row["success"]["mean"] <= row["success"]["high"] <= 1.0


def test_ratios_pair_a_mission_with_the_oracles_same_one_where_both_completed() -> None:
    records = [
        record(seed=0, steps=110, cross_track_fault=0.3),
        record(seed=1, steps=130, cross_track_fault=0.2),
        record(seed=2, steps=500),  # the oracle fails there
        record(seed=3, steps=500),  # and was not flown there
        record("oracle", seed=0, steps=100, cross_track_fault=0.2, steps_to_identify=None),
        record("oracle", seed=1, steps=100, cross_track_fault=0.2, steps_to_identify=None),
        record("oracle", seed=2, completed=False, steps_to_identify=None),
    ]
    rows = summarise_missions(records)
    assert only(rows, "afm")["steps_ratio"] == pytest.approx((1.1 + 1.3) / 2)
    assert only(rows, "afm")["error_ratio"] == pytest.approx((1.5 + 1.0) / 2)
    assert only(rows, "oracle")["steps_ratio"] == 1.0
    assert only(summarise_missions(records[:4]), "afm")["steps_ratio"] is None


def test_clipped_methods_are_compared_with_the_clipped_oracle() -> None:
    records = [
        record("afm", steps=120),
        record("afm_unclipped", steps=60),
        record("oracle", steps=100),
        record("oracle_unclipped", steps=50),
    ]
    rows = summarise_missions(records)
    assert only(rows, "afm")["steps_ratio"] == only(rows, "afm_unclipped")["steps_ratio"] == pytest.approx(1.2)


def test_steps_to_identify_are_over_the_faults_that_came() -> None:
    found = [1, 2, 2, 3, 12]
    records = [record(seed=i, steps_to_identify=steps) for i, steps in enumerate(found)]
    records.append(record(seed=5, steps_to_identify=None))  # not found
    records.append(record(seed=6, steps_to_identify=None, fault_came=None))  # crashed before it came
    records.append(record(seed=7, steps_to_identify=None, fault={}, mission="nominal"))
    row = only(summarise_missions(records), "afm")
    assert row["identified"] == pytest.approx(5 / 6)
    assert row["steps_to_identify"]["median"] == 2
    assert row["steps_to_identify"]["worst"] == 12
    assert row["steps_to_identify"]["p90"] == pytest.approx(8.4)
    nothing = only(summarise_missions([record(steps_to_identify=None, fault={}, mission="nominal")]), "afm")
    assert nothing["identified"] is None
    assert nothing["steps_to_identify"]["median"] is None


def test_classes_have_a_row_each_and_the_method_one_over_all() -> None:
    records = [record(mission="flip"), record(mission="slow", steps=300), record(mission="none", seed=0, steps=200)]
    records[1]["class"] = "D"
    rows = summarise_missions(records)
    assert [(row["class"], row["missions"]) for row in rows] == [("A", 2), ("D", 1), ("all", 3)]
    assert only(rows, "afm", "all")["steps"]["mean"] == 200
    assert [row["class"] for row in summarise_missions(records[:1])] == ["A"]


def test_false_alarms_and_times_add_up() -> None:
    records = [
        record(seed=0, false_alarms=1, nominal_steps=900),
        record(seed=1, false_alarms=2, nominal_steps=1100, ms={"plan": {"median": 6.0, "p99": 8.0}}),
        record(seed=2, ms={}),
    ]
    row = only(summarise_missions(records), "afm")
    assert (row["false_alarms"], row["nominal_steps"]) == (3, 2030)
    assert row["ms"]["plan"] == {"median": 4.0, "p99": 6.0}
    assert row["ms"]["step"] == {"median": 3.0, "p99": 6.0}
    assert row["ms"]["learn"] is None


def test_intervals_need_two_seeds_of_every_fault() -> None:
    full = [record(mission=m, seed=s, reached_fraction=0.2 * s + 0.5) for m in ("flip", "slow") for s in (0, 1)]
    row = only(summarise_missions(full), "afm")
    assert row["success"]["low"] < row["success"]["mean"] == pytest.approx(0.6)
    assert only(summarise_missions(full[:-1]), "afm")["success"]["low"] is None
    assert only(summarise_missions(full[:1]), "afm")["success"] == {"mean": 0.5, "low": None, "high": None}


def test_rows_become_text() -> None:
    records = [record(seed=s, steps=100 + 20 * s) for s in (0, 1)]
    records += [
        record("none", seed=s, completed=False, reached_fraction=0.0, steps_to_identify=None, ms={}) for s in (0, 1)
    ]
    rows = summarise_missions(records)
    table = missions_table(rows)
    text, failed = (dict(zip(table.head, map(str, row), strict=True)) for row in table.written)
    assert text["completed"] == "2 of 2"
    assert text["success"] == "1.000 [1.000, 1.000]"
    assert text["steps"].startswith("110 [")
    assert text["steps to identify"] == "2 (90 %: 2, worst 2)"
    assert text["false alarms"] == "0 in 60"
    assert text["steps / oracle"] == "-"
    assert text["ms per step (plan, identify, refine, learn)"] == "3.0 (p99 6.0): 2.0, -, -, -"
    assert (failed["steps"], failed["steps to identify"], failed["completed"]) == ("-", "-", "0 of 2")
    lines = markdown(table)
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {len(table.columns) + 1}
    console = Console(width=300, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(terminal(table.named("missions", "small")))
    assert "afm" in captured.get()
    assert "2 of 2" in captured.get()
