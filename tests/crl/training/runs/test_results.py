from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from crl.reporting.reports import Options, write_reports
from crl.reporting.run_summary import results_table, summary
from crl.training.clock import PHASES, Clock
from crl.training.load import evaluate_run
from crl.training.runner import train
from crl.training.runs.results import collect_results
from crl.training.runs.results_file import read_results
from crl.training.runs.state import Score
from tests import tiny

NAMED_BY_THE_ISSUE = (
    "env",
    "strategy",
    "seed",
    "tasks",
    "matrix",
    "forgetting",
    "env_steps",
    "wall_seconds",
    "cpu_seconds",
    "version",
)


def collected(tmp_path: Path, rows: list[dict[int, float | None]], order: str = "[0,1,2]") -> dict[str, Any]:
    """Results of a run whose evaluations are given: success rates by task, row after row."""
    config = tiny.settings(tmp_path, tasks=order)
    loop = tiny.make_loop(config, tmp_path / "loop", tiny.Puppet())
    loop.state.rows = [
        {task: None if rate is None else Score(rate, 100 * rate, [], []) for task, rate in row.items()} for row in rows
    ]
    return collect_results(config, loop, Clock(), "there")


def test_a_run_states_what_it_reached_and_what_it_cost(tmp_path: Path) -> None:
    results = train(tiny.settings(tmp_path, "seed=3", tasks="[0,1,2]"), tiny.quiet()[0])
    assert json.loads((tmp_path / "run/results.json").read_text()) == json.loads(json.dumps(results))
    assert set(NAMED_BY_THE_ISSUE) <= set(results)
    assert (results["env"], results["strategy"], results["planner"]) == ("tests.tiny:SLIDES", "hypercrl", "icem")
    assert (results["seed"], results["env_steps"], results["run"]) == (3, 3 * 64, str((tmp_path / "run").resolve()))
    assert [task["name"] for task in results["tasks"]] == ["slide_0", "slide_1", "slide_2"] == results["matrix_tasks"]
    for matrix in (results["matrix"], results["matrix_return"]):
        assert [[value is not None for value in row] for row in matrix] == [
            [True, False, False],
            [True, True, False],
            [True, True, True],
        ]
    assert results["matrix"][-1] == [task["success_rate"] for task in results["tasks"]]
    assert results["matrix_return"][-1] == [task["mean_return"] for task in results["tasks"]]
    for task in results["tasks"]:
        assert len(task["successes"]) == len(task["returns"]) == 2
        assert task["mean_return"] == pytest.approx(sum(task["returns"]) / 2)
        assert task["success_rate"] == sum(task["successes"]) / 2
    for name, suffix in (("matrix", ""), ("matrix_return", "_return")):
        (a, *_), (_, b, _), (c, d, _) = results[name]
        assert results["forgetting" + suffix] == pytest.approx(((a - c) + (b - d)) / 2)
    assert results["forgetting_return"] != 0.0
    # Full evaluations on the diagonal and in the last row, shorter ones between.
    assert results["evaluation_steps"] == (2 + (1 + 2) + (2 + 2 + 2)) * tiny.EPISODE_STEPS
    spent = [line["steps"] for line in tiny.lines(tmp_path / "run", "learning")]
    assert results["gradient_steps"] == sum(spent) > 0
    assert [visit["steps"] for visit in results["visits"]] == [64, 64, 64]
    assert set(results["time"]) == set(PHASES)
    assert sum(part["cpu"] for part in results["time"].values()) == pytest.approx(results["cpu_seconds"], abs=0.1)
    assert results["wall_seconds"] > 0
    assert min(results["time"][phase]["cpu"] for phase in ("plan", "learn", "simulate")) > 0
    assert results["decision_ms"] > 0
    assert results["memory"]["stated_bytes_per_task"] == 4 * 4, "an embedding of 4 numbers"
    assert results["memory"]["measured_bytes_per_task"] == 4 * 4
    first, *_, last = results["visits"]
    theta = first["kept_bytes"] - 4 * 4
    assert first["kept_once_bytes"] == theta
    assert results["memory"]["measured_bytes_constant"] == 2 * theta + 4 * 4, "the network, its snapshot, an embedding"
    assert last["kept_bytes"] == 2 * theta + 3 * 4 * 4
    assert results["memory"]["old_rows_read"] == 0
    for visit in results["visits"]:
        assert 0 <= visit["plasticity"]["dormant_units"] <= 1
        assert 0 < visit["plasticity"]["effective_rank_share"] <= 1


def test_forgetting_is_positive_where_something_was_lost(tmp_path: Path) -> None:
    results = collected(tmp_path, [{0: 1.0}, {0: 0.5, 1: 1.0}, {0: 0.25, 1: 0.75, 2: 1.0}])
    assert results["forgetting"] == pytest.approx((0.75 + 0.25) / 2)
    assert results["forgetting_return"] == pytest.approx(50.0)
    assert results["average_success"] == pytest.approx(2 / 3)


def test_evaluations_that_were_left_out_are_none(tmp_path: Path) -> None:
    results = collected(tmp_path, [{0: 1.0}, {0: None, 1: 1.0}, {0: 0.5, 1: 1.0, 2: 1.0}])
    assert results["matrix"] == [[1.0, None, None], [None, 1.0, None], [0.5, 1.0, 1.0]]
    assert results["forgetting"] == pytest.approx(0.25)


def test_a_run_without_evaluations_between_has_results(tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, "evaluation.episodes_between=0", tasks="[0,1,2]")
    results = train(config, tiny.quiet()[0])
    assert [[value is not None for value in row] for row in results["matrix"]] == [
        [True, False, False],
        [False, True, False],
        [True, True, True],
    ]
    assert results["forgetting"] is not None


def test_a_cycle_has_a_column_per_task_and_a_row_per_visit(tmp_path: Path) -> None:
    results = collected(tmp_path, [{1: 0.9}, {1: 0.2, 0: 0.8}, {1: 0.7, 0: 0.5}], order="[1,0,1]")
    assert results["matrix_tasks"] == ["slide_1", "slide_0"]
    assert results["matrix"] == [[0.9, None], [0.2, 0.8], [0.7, 0.5]]
    assert [task["success_rate"] for task in results["tasks"]] == [0.7, 0.5]
    assert results["forgetting"] == pytest.approx(0.8 - 0.5), "task 1 was learned last and has forgotten nothing"


def test_where_success_means_nothing_it_is_null(tmp_path: Path) -> None:
    train(tiny.settings(tmp_path, env="ENDLESS"), tiny.quiet()[0])
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert [task["success_rate"] for task in results["tasks"]] == [None, None]
    assert results["matrix"] == [[None, None], [None, None]]
    for name in ("average_success", "forgetting", "forgetting_from_best"):
        assert results[name] is None
    for name in ("average_return", "forgetting_return"):
        assert math.isfinite(results[name])
    assert {line["success"] for line in tiny.lines(tmp_path / "run", "episode")} == {None}
    assert {line["success_rate"] for line in tiny.lines(tmp_path / "run", "evaluation")} == {None}
    (row, _) = evaluate_run(tmp_path / "run")["tasks"]
    assert row["success_rate"] is None
    # What reads runs takes it.
    page = tmp_path / "report.html"
    write_reports([str(tmp_path)], {"html": page}, Options())
    assert "success rate" not in page.read_text(encoding="utf-8")


def test_a_sample_of_the_tasks_gives_estimates_that_say_so(tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, "evaluation.tasks=1", tasks="[0,1,2]")
    results = train(config, tiny.quiet()[0])
    known = [[value is not None for value in row] for row in results["matrix_return"]]
    assert [sum(row) for row in known] == [1, 2, 2]
    assert known[2][2], "the one just learned is always evaluated"
    assert results["average_return"] is None, "the mean of some tasks is not that of all"
    drawn = known[2].index(True)
    last = results["matrix_return"][2]
    found = results["estimates"]["average_return"]
    assert found["value"] == pytest.approx((2 * last[drawn] + last[2]) / 3)
    assert (found["evaluated"], found["tasks"]) == (2, 3)
    assert results["estimates"]["forgetting_return"]["tasks"] == 2
    assert results["evaluation"]["tasks"] == 1
    assert read_results(tmp_path / "run").wrong == ()
    shown = summary(results)
    assert "evaluated: 2 of 3 tasks, drawn at random" in shown
    assert len(results_table(results).rows) == 2
    # What reads runs takes it, and says so.
    pages = {kind: tmp_path / f"report.{kind}" for kind in ("html", "md", "csv", "latex")}
    write_reports([str(tmp_path)], pages, Options())
    for kind in ("html", "md"):
        assert "of 2 of 3 tasks, which were drawn at random" in pages[kind].read_text(encoding="utf-8")


def test_a_run_that_evaluates_all_says_nothing_of_samples(tmp_path: Path) -> None:
    results = train(tiny.settings(tmp_path), tiny.quiet()[0])
    assert "estimates" not in results
    assert "tasks" not in results["evaluation"]
    assert not any("drawn" in line for line in summary(results))
