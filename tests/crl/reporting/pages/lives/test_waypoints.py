"""Pages of lives and of evaluation without labels: what passes and what fails, from numbers made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crl.reporting.pages.labels import evaluated
from crl.reporting.pages.lives import waypoints

RESULTS = Path(__file__).resolve().parents[5] / "docs" / "results"


def life(arm: str, seed: int, **changed: Any) -> dict[str, Any]:
    """A life that meets every criterion, but for what is changed."""
    regimes = {name: {"steps": 100, "visits": 2, "reward": 0.5, "right": 1.0} for name in ("nominal", "1_dead_0.2")}
    return {
        "arm": arm,
        "seed": seed,
        "steps": 200,
        "commit": "abc",
        "cpu_seconds": 1.0,
        "waypoints": 40.0,
        "cross_track": 0.1,
        "returns": {"median": 2.0, "p90": 3.0},
        "recalled": 1.0,
        "reach": {"settled": 1.0},
        "false_alarms": 0,
        "unchanged": 10_000,
        "crashes": 0,
        "known": 2,
        "by_regime": regimes,
        **changed,
    }


def failed(**changed: Any) -> list[str]:
    """Criteria that a life of the default memory fails."""
    lives = waypoints.by_arm([life("oracle", 1), life("networks", 1, **changed)])
    return [row[0] for row in waypoints.verdicts(lives, "networks").rows if row[-1] == "fail"]


@pytest.mark.parametrize(
    ("changed", "criterion"),
    [
        ({"waypoints": 37.9}, "waypoints per step"),
        ({"returns": {"median": 3.5, "p90": 9.0}}, "in force, median"),
        ({"returns": {"median": 3.0, "p90": 9.5}}, "90 %"),
        ({"recalled": 0.94}, "returns recalled"),
        ({"known": 4}, "entries per true regime"),
        ({"false_alarms": 2}, "false alarms"),
        ({"crashes": 1}, "crashes"),
    ],
)
def test_every_criterion_can_fail(changed: dict[str, Any], criterion: str) -> None:
    assert failed() == []
    (one,) = failed(**changed)
    assert criterion in one


def test_rewards_count_in_regimes_that_are_no_context_alone() -> None:
    worse = {"steps": 100, "visits": 2, "reward": 0.4, "right": 1.0}
    alike = {"steps": 100, "visits": 2, "reward": 0.5, "right": 1.0}
    assert failed(by_regime={"nominal": worse, "1_dead_0.2": alike}) == []
    (one,) = failed(by_regime={"nominal": alike, "1_dead_0.2": worse})
    assert "not affine" in one


@pytest.mark.parametrize(
    ("inferred", "right", "verdict"), [(96.0, 0.96, "pass"), (94.0, 0.96, "fail"), (96.0, 0.9, "fail")]
)
def test_a_run_without_labels_must_return_as_much_and_be_right(inferred: float, right: float, verdict: str) -> None:
    about = {"env": "e", "strategy": "s", "seed": 1, "commit": "abc"}
    none = [{"mean_return": inferred, "right_label": right}]
    row = evaluated.row({"run": about, "episodes": 5, "told": [{"mean_return": 100.0}], "none": none})
    assert row[-2] == verdict


@pytest.mark.parametrize(("name", "made"), [("lives", waypoints.page), ("labels", evaluated.page)])
def test_the_page_is_that_of_its_results(name: str, made: Any) -> None:
    rows = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert made(rows) == (RESULTS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("env", "median", "verdict"), [("quadrotor_life", 15, "pass"), ("husky_life", 3.5, "fail")])
def test_each_body_has_its_default_memory_and_its_bounds(env: str, median: float, verdict: str) -> None:
    slow = life("contexts", 1, env=env, returns={"median": median, "p90": 9.0})
    text = waypoints.page([life("oracle", 1, env=env), slow], env)
    assert "a context per regime (the default)" in text
    (line,) = (
        one for one in text.splitlines() if "in force, median |" in one and "bound" not in one and "CPU" not in one
    )
    assert f"**{verdict}**" in line
