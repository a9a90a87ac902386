"""The page of the main job: its criteria can fail, and what is in the repository is what the runs gave."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.scripts_by_path import load_script

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> ModuleType:
    return load_script(f"scripts/{name}.py")


@pytest.fixture
def script() -> ModuleType:
    return load("page_door_open_quick")


def row(seed: int, *opened: int, steps: int = 6000, minutes: float = 9.0) -> dict[str, Any]:
    doors = ("pull", "lever_minus", "lever_plus")
    return {
        "seed": seed,
        "commit": "1a2b3c4",
        "opened": dict(zip(doors, opened or (10, 10, 10), strict=True)),
        "episodes": 10,
        "validated": dict.fromkeys(doors, 30),
        "env_steps": steps,
        "cpu_seconds": 60 * minutes,
    }


def verdicts(script: ModuleType, rows: list[dict[str, Any]]) -> list[bool | None]:
    return [holds for _, _, holds in script.criteria(rows)]


def test_all_hold_for_good_runs_and_for_one_weak_one(script: ModuleType) -> None:
    rows = [row(seed) for seed in range(9)]
    assert verdicts(script, [*rows, row(9, steps=7000, minutes=12.0)]) == [True] * 4
    assert verdicts(script, [*rows, row(9, 10, 7, 10)]) == [True] * 4
    assert verdicts(script, [*rows, row(9, 8, 8, 8)]) == [True] * 4


@pytest.mark.parametrize(
    ("rows", "failing"),
    [
        ([row(0, 10, 7, 10), row(1, 7, 10, 10), *(row(seed) for seed in range(2, 10))], 0),
        ([row(seed, 9, 9, 10) for seed in range(10)], 1),
        ([row(0, steps=7001), *(row(seed) for seed in range(1, 10))], 2),
        ([row(0, minutes=12.1), *(row(seed) for seed in range(1, 10))], 3),
    ],
)
def test_each_can_fail(script: ModuleType, rows: list[dict[str, Any]], failing: int) -> None:
    assert [holds is not False for holds in verdicts(script, rows)] == [index != failing for index in range(4)]


def test_too_few_seeds_pass_nothing_and_the_page_says_so(script: ModuleType) -> None:
    rows = [row(seed) for seed in range(9)]
    assert verdicts(script, rows) == [None] * 4
    assert "9 of 10 seeds are finished." in "\n".join(script.page(rows, ""))
    assert verdicts(script, [row(0, 7, 10, 10), row(1, 7, 10, 10, steps=7001)]) == [False, None, False, None]


def test_the_range_spans_the_runs(script: ModuleType) -> None:
    found = script.recorded([row(201, 9, 10, 8, steps=5000), row(202, 10, 10, 10, steps=7000)])
    assert found["opened"] == {"pull": [9, 10], "lever_minus": [10, 10], "lever_plus": [8, 10]}
    assert found["success"] == [0.9, 1.0]
    assert found["env_steps"] == [5000, 7000]
    assert found["seeds"] == [201, 202]


def test_page_and_range_in_the_repository_are_made_of_the_results_in_it(script: ModuleType, tmp_path: Path) -> None:
    results = ROOT / "docs" / "results"
    rows = load("confirm_door_open").records(results / "door_open_quick.json")
    lines = script.page(rows, script.REMARKS.read_text(encoding="utf-8"))
    assert (results / "door_open_quick.md").read_text(encoding="utf-8") == "\n".join(lines).rstrip() + "\n"
    if rows:
        shipped = json.loads((ROOT / "configs" / "recorded" / "door_open_quick.json").read_text(encoding="utf-8"))
        assert shipped == script.recorded(rows)


def test_a_finished_seed_is_kept_and_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    confirm = load("confirm_door_open")
    into, runs = tmp_path / "door_open_quick.json", tmp_path / "runs"
    started = []

    def run(command: list[str], check: bool) -> Any:
        started.append(next(int(part[5:]) for part in command if part.startswith("seed=")))
        folder = runs / f"seed_{started[-1]}"
        folder.mkdir(parents=True)
        tasks = [{"name": "pull", "successes": [True] * 9 + [False]}]
        visits = [{"task": "pull", "validation": 30, "steps": 1500}]
        (folder / "results.json").write_text(
            json.dumps(
                {
                    "seed": started[-1], "commit": "1a2b3c4", "tasks": tasks, "visits": visits,
                    "evaluation": {"episodes": 10}, "env_steps": 1500, "cpu_seconds": 61.26, "wall_seconds": 70,
                    "version": "0", "torch": "2",
                }
            )
        )  # fmt: skip
        return confirm.subprocess.CompletedProcess(command, started[-1] == 203)

    monkeypatch.setattr(confirm.subprocess, "run", run)
    monkeypatch.setattr(confirm, "commit", lambda: "1a2b3c4")
    arguments = ["confirm", "--into", str(into), "--runs", str(runs)]
    monkeypatch.setattr("sys.argv", [*arguments, "201", "202"])
    confirm.main()
    monkeypatch.setattr("sys.argv", [*arguments, "201", "202", "203", "204"])
    with pytest.raises(SystemExit, match="seed 203 was not finished"):
        confirm.main()
    assert started == [201, 202, 203]
    rows = confirm.records(into)
    assert [(row["seed"], row["opened"], row["cpu_seconds"]) for row in rows] == [
        (201, {"pull": 9}, 61.3),
        (202, {"pull": 9}, 61.3),
    ]
    assert rows[0]["command"] == "crl train env=door_open seed=201"


@pytest.mark.parametrize("made_by", [None, "1a2b3c4+"])
def test_changed_code_confirms_nothing(made_by: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    confirm = load("confirm_door_open")
    monkeypatch.setattr(confirm, "commit", lambda: made_by)
    monkeypatch.setattr("sys.argv", ["confirm", "--into", str(tmp_path / "x.json")])
    with pytest.raises(SystemExit, match="without changes"):
        confirm.main()
