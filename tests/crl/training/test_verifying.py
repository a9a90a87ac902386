"""A run that is killed and resumed is compared with one that was never stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from crl.errors import CrlError
from crl.training.checkpoints.store import CheckpointStore
from crl.training.runner import train
from crl.training.verifying import compare, verify_resume
from tests import tiny


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verifying")
    train(tiny.settings(folder, tasks="[0]"), tiny.quiet()[0])
    return folder / "run"


@pytest.fixture
def other(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "other"))


def test_equal_runs_are_equal(finished: Path, tmp_path: Path) -> None:
    train(tiny.settings(tmp_path, tasks="[0]"), tiny.quiet()[0])
    assert compare(finished, tmp_path / "run") == []


def test_the_first_line_that_differs_is_named(finished: Path, other: Path) -> None:
    path = other / "metrics.jsonl"
    lines = path.read_text().splitlines()
    changed = next(i for i, line in enumerate(lines) if json.loads(line)["kind"] == "episode")
    for number in (changed, len(lines) - 1):
        lines[number] = json.dumps({**json.loads(lines[number]), "return": 12.5})
    path.write_text("\n".join(lines) + "\n")
    [found] = compare(finished, other)
    assert found.startswith(f"line {changed + 1} of the log") and "12.5" in found


def test_missing_lines_and_other_results_are_named(finished: Path, other: Path) -> None:
    path = other / "metrics.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    results = json.loads((other / "results.json").read_text())
    (other / "results.json").write_text(json.dumps({**results, "gradient_steps": -1, "wall_seconds": -1.0}))
    assert compare(finished, other) == [
        f"the log: {len(lines)} and {len(lines) - 1} lines",
        f"results.gradient_steps: {results['gradient_steps']} and -1",
    ]


def test_one_bit_of_a_weight_is_named(finished: Path, other: Path) -> None:
    store = CheckpointStore(other / "checkpoints", keep=1)
    state = dict(store.load_latest().state)
    buffer = state["agent"]["buffer"]
    buffer["reward"] = buffer["reward"].copy()
    buffer["reward"].view("int32")[0] ^= 1
    store.save(state["run"]["env_steps"], state, 10_000)
    assert compare(finished, other) == ["checkpoint.agent.buffer.reward: other numbers"]


@pytest.mark.slow  # processes of their own, which all import PyTorch
def test_a_run_that_is_really_killed_goes_on_to_the_bit(tmp_path: Path) -> None:
    settings = [word for word in tiny.arguments(tmp_path) if not word.startswith(("name=", "run_dir=", "checkpoint"))]
    found = verify_resume(settings, tmp_path, kills=1)
    assert (found.kills, found.found) == (1, [])
    assert found.lines > 5


@pytest.mark.slow
def test_a_run_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(CrlError, match=r"exit code .*no task sequence"):
        verify_resume(["env=cartpole_lengthy"], tmp_path, kills=1)
