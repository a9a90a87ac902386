"""Pages of lives without waypoints: what passes and what fails, from numbers made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crl.reporting.pages.lives import goals
from crl.reporting.pages.lives.waypoints import by_arm, verdicts


def life(arm: str, **changed: Any) -> dict[str, Any]:
    """A life that meets every criterion, but for what is changed."""
    return {
        "env": "cartpole_life",
        "arm": arm,
        "seed": 1,
        "steps": 2000,
        "commit": "abc",
        "cpu_seconds": 1.0,
        "reward": 0.8,
        "goal_distance": 0.2,
        "returns": {"median": 2.0, "p90": 3.0},
        "recalled": 0.5,
        "served": 1.0,
        "false_alarms": 0,
        "unchanged": 10_000,
        "crashes": 1,
        "known": 2,
        "learning": [12, 30, None],
        "bytes": None if arm == "oracle" else {"per_regime": 120.0, "once": 9000},
        "ms": {"identify": {"median": 1.0, "p99": 4.0}},
        "by_regime": {name: {"steps": 1000, "visits": 2, "reward": 0.8, "right": 1.0} for name in ("nominal", "1")},
        **changed,
    }


def failed(**changed: Any) -> list[str]:
    """Criteria that a life of the default memory fails."""
    lives = by_arm([life("oracle"), life("heads", **changed)])
    return [row[0] for row in verdicts(lives, goals.DEFAULT, goals.CRITERIA).rows if row[-1] == "fail"]


@pytest.mark.parametrize(
    ("changed", "criterion"),
    [
        ({"reward": 0.71}, "reward per step"),
        ({"crashes": 6}, "crashes per 1,000 steps"),
        ({"returns": {"median": 3.5, "p90": 9.0}}, "in force, median"),
        ({"returns": {"median": 3.0, "p90": 9.5}}, "90 %"),
        ({"served": 0.94}, "returns recalled"),
        ({"known": 4}, "entries per true regime"),
        ({"false_alarms": 2}, "false alarms"),
        ({"ms": {"identify": {"median": 5.1, "p99": 9.0}}}, "belief and recall"),
    ],
)
def test_every_criterion_can_fail(changed: dict[str, Any], criterion: str) -> None:
    assert failed() == []
    (one,) = failed(**changed)
    assert criterion in one


def test_a_life_of_before_visits_were_judged_is_judged_by_own_entries() -> None:
    old = life("heads")
    del old["served"]
    lives = by_arm([life("oracle"), old])
    assert [row[0] for row in verdicts(lives, goals.DEFAULT, goals.CRITERIA).rows if row[-1] == "fail"] == [
        "returns recalled"
    ]


def test_a_page_names_its_body_and_says_what_was_learned() -> None:
    text = goals.page([life("oracle", reward=1.0), life("heads", reward=0.95)])
    assert "A cart keeps a pole up" in text
    row = next(line for line in text.splitlines() if "(the default)" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")][3] == "0.950"
    assert "| 30 |" in row  # the longest that a regime took to be learned
    assert "**fail**" not in text


def test_a_memory_that_is_told_stands_in_for_an_oracle() -> None:
    lives = by_arm([life("told"), life("heads")])
    assert goals.reference(lives) == lives["told"]


@pytest.mark.parametrize("name", ["cartpole_life", "cartpole_life_200"])
def test_the_page_is_that_of_its_data(name: str) -> None:
    results = Path(__file__).resolve().parents[5] / "docs" / "results"
    rows = json.loads((results / f"{name}.json").read_text())
    assert (results / f"{name}.md").read_text() == goals.page(rows, name)
