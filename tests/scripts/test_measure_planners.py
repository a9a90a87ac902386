"""What the page of planners counts, from rows made by hand."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "measure_planners.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def rows(returns: dict[str, dict[int, float]]) -> list[dict[str, Any]]:
    return [
        {"env": "poles", "run": "a", "planner": planner, "samples": samples, "scored": 2 * samples, "returns": [value]}
        | {"horizon": 20}
        for planner, found in returns.items()
        for samples, value in found.items()
    ]


def test_the_smallest_search_counts_that_returns_as_much_as_cem_s_best(script: dict[str, Any]) -> None:
    found = rows({"icem": {8: 97.0, 16: 99.0, 32: 120.0}, "cem": {8: 10.0, 16: 98.5, 32: 100.0}, "mppi": {32: 97.9}})
    assert script["fewest"](found, "poles", "icem") == 32
    assert script["fewest"](found, "poles", "cem") == 32
    assert script["fewest"](found, "poles", "mppi") is None


def test_a_run_whose_searches_are_not_all_there_is_not_on_the_page(script: dict[str, Any]) -> None:
    found = rows({planner: dict.fromkeys(script["SAMPLES"], 50.0) for planner in script["ROUNDS"]})
    whole = script["page"](found)
    assert "1 runs" in whole
    assert script["page"]([*found, {**found[0], "run": "b", "returns": [9.0]}]) == whole


def test_the_page_is_that_of_its_data(script: dict[str, Any]) -> None:
    results = Path(__file__).resolve().parents[2] / "docs" / "results"
    rows = json.loads((results / "planners.json").read_text())
    assert (results / "planners.md").read_text() == script["page"](rows)
