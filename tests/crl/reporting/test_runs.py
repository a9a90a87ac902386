"""Finished runs as records, and the pictures and tables made of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from crl.errors import CrlError
from crl.reporting.pages import final, forgotten, learned, markdown_table, time_table, write_page
from crl.reporting.plots import curves_figure, sequence_figure
from crl.reporting.runs import RunRecord, by_strategy, read_run


def leave_run(root: Path, strategy: str, seed: int) -> Path:
    """A folder like that of a finished run of two tasks."""
    folder = root / f"{strategy}_s{seed}"
    folder.mkdir(parents=True)
    results = {
        "strategy": strategy,
        "seed": seed,
        "run": str(folder),
        "matrix": [[0.9, None], [0.5, 1.0]],
        "matrix_return": [[90.0, None], [50.0, 100.0]],
        "matrix_tasks": ["pull", "lever"],
        "visits": [{"task": "pull", "steps": 10}, {"task": "lever", "steps": 20}],
        "time": {"plan": {"wall": 2.0, "cpu": 1.0 + seed}},
        "decision_ms": 10.0,
    }
    (folder / "config.yaml").write_text("seed: 0\n")
    (folder / "results.json").write_text(json.dumps(results))
    episodes = [
        {"kind": "episode", "step": 5 * i, "task": "pull" if i < 3 else "lever", "success": i % 2 == 0}
        for i in range(6)
    ]
    lines = [*episodes, {"kind": "learning", "step": 5, "steps": 1}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def groups(tmp_path: Path) -> dict[str, list[RunRecord]]:
    paths = [leave_run(tmp_path, name, seed) for name in ("hypercrl", "finetune") for seed in (1, 0)]
    found, problems = by_strategy(paths)
    assert problems == []
    return found


def test_runs_are_grouped_and_ordered_by_seed(groups: dict[str, list[RunRecord]]) -> None:
    assert list(groups) == ["finetune", "hypercrl"]
    assert [run.results["seed"] for run in groups["hypercrl"]] == [0, 1]


def test_an_unfinished_run_is_named_and_left_out(tmp_path: Path) -> None:
    whole, broken = leave_run(tmp_path, "single", 0), leave_run(tmp_path, "single", 1)
    (broken / "results.json").write_text('{"strategy": "sin')
    found, problems = by_strategy([whole, broken])
    assert [run.path for run in found["single"]] == [whole]
    assert len(problems) == 1
    assert str(broken) in problems[0]
    with pytest.raises(CrlError, match="finish it with: crl resume"):
        read_run(broken)


def test_matrices(groups: dict[str, list[RunRecord]]) -> None:
    run = groups["hypercrl"][0]
    assert np.array_equal(run.matrix(), [[0.9, np.nan], [0.5, 1.0]], equal_nan=True)
    assert final([run]).tolist() == [[0.5, 1.0]]
    assert learned([run]).tolist() == [[0.9, 1.0]]
    assert forgotten([run]) == pytest.approx(np.array([[0.4]]))
    assert forgotten([run], "matrix_return") == pytest.approx(np.array([[40.0]]))
    assert [line["step"] for line in run.lines("learning")] == [5]


def test_figures_are_drawn(groups: dict[str, list[RunRecord]], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for measure in ("matrix", "matrix_return"):
        sequence_figure(groups, tmp_path / f"{measure}.png", measure=measure)
    curves_figure(groups, tmp_path / "curves.png")
    assert all((tmp_path / f"{name}.png").stat().st_size > 5_000 for name in ("matrix", "matrix_return", "curves"))


def test_tables(groups: dict[str, list[RunRecord]]) -> None:
    assert markdown_table(["a", "b"], [["1", "2"]]) == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]
    assert time_table(groups)[-1] == "| hypercrl | 2 | 10.0 |"


def test_a_page_keeps_its_results_beside_it_and_no_place(groups: dict[str, list[RunRecord]], tmp_path: Path) -> None:
    page = write_page(tmp_path / "pages", "doors", ["# Doors", ""], groups)
    assert page.read_text() == "# Doors\n"
    kept = json.loads((tmp_path / "pages" / "doors.json").read_text())
    assert [run["run"] for run in kept["hypercrl"]] == ["hypercrl_s0", "hypercrl_s1"]
