"""Runs of smaller networks: what they say, that they go on, what their results tell, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crl.agents.planning import PlanningAgent
from crl.cli import app
from crl.errors import CrlError
from crl.training.distilled_run import distil_run
from crl.training.load import load_run
from crl.training.refitted_run import merge_runs
from crl.training.runner import train
from tests import tiny


def run_of(folder: Path, name: str, tasks: str, *overrides: str) -> Path:
    train(tiny.settings(folder, f"name={name}", "dynamics.hidden=[12]", *overrides, tasks=tasks), tiny.quiet()[0])
    return folder / name


def test_the_error_is_printed_and_in_the_results(tmp_path: Path) -> None:
    run = run_of(tmp_path, "large", "[0,1]")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    words = ["distil", str(run), "--hidden", "6", "--steps", "200", "--out", str(tmp_path / "small")]
    made = CliRunner().invoke(app, words)
    assert made.exit_code == 0, made.output
    small = load_run(tmp_path / "small")
    assert isinstance(small.agent, PlanningAgent)
    assert [out for _, out in small.agent.knowledge.model.network.layers[:-1]] == [6]
    resumed = CliRunner().invoke(app, ["resume", str(tmp_path / "small")])
    assert resumed.exit_code == 0, resumed.output
    found = json.loads((tmp_path / "small" / "results.json").read_text())
    told = found["distilled"]
    assert told["hidden"] == [6]
    assert told["weights"]["after"] == small.agent.knowledge.model.network.size < told["weights"]["before"]
    assert list(told["error"]) == [task["name"] for task in found["tasks"]]
    for name, error in told["error"].items():
        assert 0 < error < 0.5
        assert f"{name}: error {error:.3f}" in made.output
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert "distilled" not in json.loads((run / "results.json").read_text())


def test_networks_of_their_own_shapes_are_distilled_and_then_merged(tmp_path: Path) -> None:
    run = run_of(tmp_path, "columns", "[0,1]", "continual=pnn")
    small, report = distil_run(run, [4], tmp_path / "small", steps=20)
    other, _ = distil_run(run_of(tmp_path, "plain", "[2]"), [4], tmp_path / "other", steps=20)
    assert len(report["error"]) == 2
    _, names = merge_runs(small.path, other.path, tmp_path / "both")
    assert len(names) == 3


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path, "run", "[0]")
    with pytest.raises(CrlError, match=r"a network of \[12\] has"):
        distil_run(run, [12], tmp_path / "new")
    with pytest.raises(CrlError, match=r"make no network"):
        distil_run(run, [0], tmp_path / "new")
    with pytest.raises(CrlError, match="is there already"):
        distil_run(run, [2], run)
    assert not (tmp_path / "new").exists()
    bad = CliRunner().invoke(app, ["distil", str(run), "--hidden", "wide", "--out", str(tmp_path / "new")])
    assert bad.exit_code != 0 and "is no list of widths" in f"{bad.output} {bad.exception}"
