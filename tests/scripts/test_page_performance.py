"""The page on performance says what is in the files."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.scripts_by_path import load_script

SPEED: dict[str, Any] = {
    "version": "1.2.3", "commit": None, "torch": "9.9", "processor": "Abacus",
    "limits": {"blas": 80.5, "onednn": None, "layer": 60.25, "copy": 12.5, "product": 80.5, "fma": 115.25},
    "rollouts": [
        {
            "name": "door", "size": "128 x 20", "torch_ms": 16.48, "ms": 8.24, "ratio": 2.0, "gflops": 61.2,
            "share_of_product": 0.76, "share_of_layer": 1.0, "share_of_fma": None,
        }
    ],
    "updates": [{"name": "large", "planner": "mppi", "torch_ms": 270.5, "ms": 150.25, "ratio": 1.8}],
    "deadlines": [
        {
            "hz": 50, "deadline_ms": 10.0,
            "cpu": {"sequences": 1234, "late_median_ms": -1.5, "late_p99_ms": 0.25},
            "wall": {"sequences": 1111, "late_median_ms": -1.25, "late_p99_ms": 3.75},
        }
    ],
    "steps": [
        {
            "size": "pusher", "earlier_tasks": 20, "published_ms": 153.0, "batched_ms": 21.5, "ratio": 7.1,
            "batched_without_lookahead_ms": 13.5, "ratio_without_lookahead": 11.3,
        }
    ],
    "decisions": [
        {
            "env": "door_open", "planner": "icem", "samples": 192, "horizon": 8, "rounds": 4, "median_ms": 12.5,
            "p95_ms": 15.0, "bfloat16_ms": 9.5,
        }
    ],
}  # fmt: skip
LIFELONG = {
    "tasks": 1000, "protect": 8, "evaluated_tasks": 4, "gradient_steps_per_task": 5, "growth": {"0": 4.5, "8": 2.0},
    "marks": [
        {
            "tasks": tasks, "step_ms": {"0": 6.0, "8": 12.25}, "memory_beyond_mb": {"0": None, "8": 41.0},
            "theta_snapshot_optimiser_mb": 36.6, "checkpoint_mb": 36.7 + 0.002 * tasks,
            "save_ms": 200.0, "changed_mb": 27.5, "change_ms": 150.0, "load_ms": 400.0,
            "evaluated": 5, "evaluation_ms": 250.0, "evaluation_of_all_ms": 50.0 * tasks,
        }
        for tasks in (1, 1000)
    ],
}  # fmt: skip


@pytest.fixture
def script() -> ModuleType:
    return load_script("scripts/page_performance.py")


def test_every_figure_is_on_the_page(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "performance.json").write_text(json.dumps(SPEED))
    page = script.page(tmp_path)
    assert "Abacus, torch 9.9, crl 1.2.3, commit unknown." in page
    assert "| the same, oneDNN | - | - |" in page
    assert "| pusher | 20 | 153 | 13.5 | 11.3 | 21.5 | 7.1 |" in page
    assert "| multiplying and adding in registers (FMA) | 115.2 | - |" in page
    assert "| door | 128 x 20 | 16.48 | 8.24 | 2.0 | 61 | 76 % | 100 % | - |" in page
    assert "| mppi | large | 270.50 | 150.25 | 1.8 |" in page
    assert "| door_open | icem | 192 x 8 x 4 | 12.5 | 15.0 | 9.5 |" in page
    assert "| 50 | 10 | 1,234 | -1.50 | 0.25 | 1,111 | -1.25 | 3.75 |" in page
    assert "1,000 tasks" not in page
    assert "bfloat16 does" not in page


def test_bfloat16_and_a_rival_have_tables_of_their_own(script: ModuleType, tmp_path: Path) -> None:
    milliseconds = {"auto": {"float32": 6.5, "bfloat16": 3.9}, "torch": {"float32": 10.5, "bfloat16": 10.25}}
    precisions = {
        "rows": [{"name": "door", "ms": milliseconds, "ratio": {"auto": 1.67, "torch": 1.02}, "deviation": 5e-4}],
        "apart": "Measured on a busy computer.",
    }
    update = {"mppi torch": 10.0, "mppi auto": 5.0}
    rows = [{"name": "door", "theirs_ms": 11.0, "ms": update, "ratio": {"mppi torch": 1.1, "mppi auto": 2.2}}]
    compared = {**SPEED, "precisions": precisions, "rival": {"version": "0.9.1", "rows": rows}}
    (tmp_path / "performance.json").write_text(json.dumps(compared))
    score = {"success": 0.9, "success_bfloat16": 1.0, "mean_return": 150.0, "mean_return_bfloat16": 151.5}
    (tmp_path / "precision.json").write_text(json.dumps({"rows": [{"run": "a", "task": "b", "episodes": 10, **score}]}))
    page = script.page(tmp_path)
    assert "how far they move. Measured on a busy computer." in page
    assert "| door | 6.50 | 3.90 | 1.67 | 10.50 | 10.25 | 1.02 | 0.05 % |" in page
    assert "pytorch-mppi 0.9.1, with the same network" in page
    assert "| door | 11.00 | 10.00 | 1.10 | 5.00 | 2.20 |" in page
    assert "| a | b | 10 | 90 % | 100 % | 150.0 | 151.5 |" in page


def test_a_rival_that_is_not_there_is_said_to_be_missing(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "performance.json").write_text(json.dumps({**SPEED, "rival": {"missing": "it is not installed"}}))
    assert "## Beside pytorch-mppi\n\nit is not installed." in script.page(tmp_path)


def test_a_long_life_has_a_row_per_mark(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "performance.json").write_text(json.dumps(SPEED))
    (tmp_path / "lifelong.json").write_text(json.dumps(LIFELONG))
    page = script.page(tmp_path)
    assert "## 1,000 tasks" in page
    assert "| 1,000 | 6.0 | 12.2 | - | 41 | 38.7 | 200 | 27.5 | 150 | 400 | 5 | 0.25 | 50.0 |" in page
    assert "grows by 2.0 kB a task" in page
    assert "4.5 with `continual.protect=0` and 2.0 with `continual.protect=8`" in page
