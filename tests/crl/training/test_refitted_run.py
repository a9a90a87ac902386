"""Runs out of finished ones: merged, and without a task; what they know, that they go on, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from crl.agents.planning import PlanningAgent
from crl.cli import app
from crl.errors import CrlError
from crl.training.load import load_run
from crl.training.refitted_run import forget_task, merge_runs
from crl.training.runner import train
from tests import tiny


def run_of(folder: Path, name: str, tasks: str, *overrides: str, env: str = "SLIDES") -> Path:
    train(tiny.settings(folder, f"name={name}", *overrides, env=env, tasks=tasks), tiny.quiet()[0])
    return folder / name


def knowledge(path: Path) -> PlanningAgent:
    agent = load_run(path).agent
    assert isinstance(agent, PlanningAgent)
    return agent


def test_a_merged_run_has_the_models_and_normalisers_of_both(tmp_path: Path) -> None:
    first, second = run_of(tmp_path, "a", "[0,1]"), run_of(tmp_path, "b", "[2]", "continual=finetune", "seed=3")
    folder, names = merge_runs(first, second, tmp_path / "both")
    assert folder.path == tmp_path / "both"
    merged = load_run(folder.path)
    assert merged.tasks == [0, 1, 2]
    assert names == [merged.sequence.spec(task).name for task in merged.tasks]
    for task in merged.tasks:
        ours, theirs = (knowledge(path).knowledge for path in (folder.path, second if task == 2 else first))
        wanted = theirs.strategy.weights(task)
        torch.testing.assert_close(ours.strategy.weights(task), wanted, atol=1e-5, rtol=1e-3)
        for name, part in theirs.normalisers[task].parts().items():
            assert torch.equal(ours.normalisers[task].parts()[name].mean, part.mean)


def test_a_merged_run_is_resumed_for_its_results(tmp_path: Path) -> None:
    first, second = run_of(tmp_path, "a", "[0]"), run_of(tmp_path, "b", "[1]")
    made = CliRunner().invoke(app, ["merge", str(first), str(second), "--out", str(tmp_path / "both")])
    assert made.exit_code == 0, made.output
    resumed = CliRunner().invoke(app, ["resume", str(tmp_path / "both")])
    assert resumed.exit_code == 0, resumed.output
    found = json.loads((tmp_path / "both" / "results.json").read_text())
    assert len(found["tasks"]) == 2
    for path, task in ((first, 0), (second, 1)):
        alone = json.loads((path / "results.json").read_text())["tasks"][0]
        assert found["tasks"][task]["mean_return"] == pytest.approx(alone["mean_return"], rel=0.05, abs=0.05)


def test_a_forgotten_task_is_in_no_file_of_the_new_run(tmp_path: Path) -> None:
    run = run_of(tmp_path, "whole", "[0,1,2]")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    made = CliRunner().invoke(app, ["forget", str(run), "--task", "1", "--out", str(tmp_path / "left")])
    assert made.exit_code == 0, made.output
    left = load_run(tmp_path / "left")
    assert left.tasks == [0, 2]
    agent = knowledge(tmp_path / "left")
    assert set(agent.knowledge.normalisers) == {0, 2} and not agent.knows(1)
    assert left.state.task_episodes.keys() == {0, 2}
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    with pytest.raises(CrlError, match="has not learned a task 1"):
        forget_task(tmp_path / "left", 1, tmp_path / "again")


def test_what_does_not_fit_is_refused_with_the_reason(tmp_path: Path) -> None:
    first = run_of(tmp_path, "a", "[0]")
    out = tmp_path / "new"
    with pytest.raises(CrlError, match="both runs have learned task 0") as caught:
        merge_runs(first, run_of(tmp_path, "same", "[0]"), out)
    assert "crl forget" in str(caught.value)
    with pytest.raises(CrlError, match="are one run"):
        merge_runs(first, first, out)
    with pytest.raises(CrlError, match="of two task sequences"):
        merge_runs(first, run_of(tmp_path, "other", "[1]", env="PUSHED"), out)
    with pytest.raises(CrlError, match=r"dynamics\.hidden is"):
        merge_runs(first, run_of(tmp_path, "wide", "[1]", "dynamics.hidden=[9]"), out)
    with pytest.raises(CrlError, match="a network of its own shape"):
        merge_runs(first, run_of(tmp_path, "columns", "[1,2]", "continual=pnn"), out)
    with pytest.raises(CrlError, match="not of an agent that plans"):
        forget_task(run_of(tmp_path, "chance", "[0,1]", "agent=random"), 1, out)
    with pytest.raises(CrlError, match="has learned task 0 alone"):
        forget_task(first, 0, out)
    with pytest.raises(CrlError, match="is there already"):
        merge_runs(first, run_of(tmp_path, "b", "[1]"), first)
    assert not out.exists()
