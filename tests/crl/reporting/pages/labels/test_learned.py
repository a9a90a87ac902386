"""The page of learning without labels: what it compares, and that it is the page of its data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crl.reporting.pages.labels.learned import page, row_of, shared, verdict

RESULTS = Path("docs/results/own_labels.json")


def row(labels: str, average: float, used: int | None = None, seed: int = 1) -> dict[str, Any]:
    results = {
        "env": "poles",
        "strategy": "hypercrl",
        "seed": seed,
        "commit": "abc",
        "env_steps": 10,
        "cpu_seconds": 1.0,
        "tasks": [{"mean_return": average}] * 10,
        "average_return": average,
        "average_success": 1.0,
    }
    if used is not None:
        results["own_labels"] = {"labels": used, "dropped": 0, "own": 0.9, "steps": {}}
    return row_of(results, labels)


@pytest.mark.parametrize(
    ("average", "used", "expected"), [(95.1, 11, "pass"), (95.1, 12, "fail"), (94.9, 10, "fail"), (101.0, 3, "pass")]
)
def test_a_run_without_labels_is_compared_with_the_told_one_of_its_seed(
    average: float, used: int, expected: str
) -> None:
    one = row("none", average, used)
    rows = [row("told", 100.0), row("told", 1.0, seed=2), one]
    assert shared(rows, one) == pytest.approx(average / 100)
    assert verdict(rows, one) == expected
    assert verdict(rows, rows[0]) is None
    assert f"**{expected}**" in page(rows)


def test_without_the_told_run_there_is_no_verdict() -> None:
    one = row("none", 90.0, 10)
    assert shared([one], one) is None
    assert verdict([one], one) is None


def test_the_page_is_that_of_its_data() -> None:
    rows = json.loads(RESULTS.read_text())
    assert RESULTS.with_suffix(".md").read_text() == page(rows)
    assert "/" not in "".join(key for one in rows for key in one)
