"""The page of what was measured over ROS says what is in the files, and where a promise is missed."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts_by_path import load_script


@pytest.fixture
def script() -> ModuleType:
    return load_script("scripts/page_ros.py")


TIMING = {
    "robot": "ugv_husky", "rate": 20.0, "seconds": 600.0, "cores": 2, "period_error_ms_p50": 1.26,
    "period_error_ms_p99": 19.4,
    "period_max_ms": 80.0, "missed": 3, "commands": 12000, "decision_ms_p50": 5.0, "decision_ms_p99": 9.0,
    "learner_steps": 54321, "stops": 0, "unsafe": 0,
}  # fmt: skip
FAULTS = {
    "odometry stops": {"stop_ms": [190.2, 204.4], "commands_that_moved_after_the_stop": 0, "unsafe": 0},
    "SIGKILL of the agent": {"stands_ms": [556.0], "unsafe": 0},
}
HELD = {"threads": 9, "files": 40}
CYCLES = {"cycles": 1000, "before": HELD, "after": {**HELD, "files": 41}, "processes_that_died": []}


def test_the_page_says_what_was_measured_and_what_falls_short(script: ModuleType, tmp_path: Path) -> None:
    for name, values in (
        ("timing_ugv_husky", TIMING),
        ("faults_ugv_husky", FAULTS),
        (
            "cycles_ugv_husky",
            {"cycles": 1000, "before": HELD, "after": {**HELD, "files": 41}, "processes_that_died": []},
        ),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(values))
    page = script.page(tmp_path)
    assert "| ugv_husky | 20 Hz | 600 | 1.3 ms | 19.4 ms (more than 15) | 80.0 ms | 3 of 12000 |" in page
    assert "| odometry stops | 204 ms (greatest of 2) | - | commands that moved after the stop: 0 | 0 |" in page
    assert "| SIGKILL of the agent | - | 556 ms |  | 0 |" in page
    assert "| files | 40 | 41 |" in page
    assert "1,000 times" in page


def test_a_folder_with_nothing_measured_makes_a_page_without_tables(script: ModuleType, tmp_path: Path) -> None:
    assert "|" not in script.page(tmp_path)
