from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from crl.agents.planning import PlanningAgent
from crl.errors import CrlError
from crl.training.deriving import ORIGIN
from crl.training.growing import grow
from crl.training.load import load_run
from crl.training.runner import resume, train
from crl.training.runs.folder import RunFolderError
from tests import tiny
from tests.crl.states import differences

STIFF = tiny.sequence({"gain": 4.0}, {"gain": 5.0}, names="xy")
"""More tasks of the same spaces, under names of their own."""
OTHER = {"name": "o", "description": "", "tasks": [{"name": "pole", "id": "crl/CartPoleLength-v0", "kwargs": {}}]}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A finished run of two tasks."""
    train(tiny.settings(tmp_path), tiny.quiet()[0])
    return tmp_path / "run"


def grown(folder: Path, *overrides: str, env: str | None = None, tasks: list[int] | None = None) -> dict[str, Any]:
    return train(grow(folder, env, tasks, overrides), tiny.quiet()[0])


def knowledge(folder: Path) -> Any:
    agent = load_run(folder).agent
    assert isinstance(agent, PlanningAgent)
    return agent.knowledge


def test_a_finished_run_learns_another_task_and_tells_of_all(old: Path) -> None:
    before = json.loads((old / "results.json").read_text())
    state = load_run(old).agent.state_dict()
    results = grown(old, tasks=[2])
    assert [task["name"] for task in results["tasks"]] == ["slide_0", "slide_1", "slide_2"]
    assert len(results["matrix"]["success_rate"] if isinstance(results["matrix"], dict) else results["matrix"]) == 3
    assert results["env_steps"] > before["env_steps"]
    assert Path(results["run"]) == old.parent / "run_more"
    assert json.loads((old.parent / "run_more" / ORIGIN).read_text()) == {
        "command": "learn",
        "runs": [str(old)],
        "visits": 2,
    }
    assert json.loads((old / "results.json").read_text()) == before, "the old run stays as it is"
    assert not differences(state, load_run(old).agent.state_dict())


@pytest.mark.parametrize("name", ["metrics.jsonl", "manifest.json"])
def test_a_full_disk_leaves_nothing_and_the_latest_run_stays(
    name: str, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.copy2

    def copy(source: Any, target: Any) -> Any:
        if Path(target).name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), source, None, target)
        return real(source, target)

    monkeypatch.setattr(shutil, "copy2", copy)
    before = sorted(old.parent.iterdir())
    with pytest.raises(RunFolderError, match=f"{name} can't be written: the disk is full"):
        grow(old, None, [2], [])
    assert sorted(old.parent.iterdir()) == before
    assert (old.parent / "latest").resolve() == old


def test_what_was_logged_before_is_in_the_new_log(old: Path) -> None:
    results = grown(old, tasks=[2])
    names = [line["task"] for line in tiny.lines(Path(results["run"]), "visit")]
    assert names == ["slide_0", "slide_1", "slide_2"]


def test_tasks_of_another_sequence_follow_those_of_the_first(old: Path) -> None:
    results = grown(old, env="tests.crl.training.test_growing:STIFF")
    assert [task["name"] for task in results["tasks"]] == ["slide_0", "slide_1", "x", "y"]
    assert results["env"] == "tests.tiny:SLIDES+tests.crl.training.test_growing:STIFF"
    again = grown(Path(results["run"]), env="tests.tiny:SLIDES", tasks=[2])
    assert [task["name"] for task in again["tasks"]] == ["slide_0", "slide_1", "x", "y", "slide_2"]


def test_a_grown_run_that_was_stopped_goes_on(old: Path) -> None:
    config = grow(old, None, [2])
    folder = Path(config.run_dir) / str(config.name)
    results = resume(folder)
    assert [task["name"] for task in results["tasks"]][-1] == "slide_2"


def test_new_tasks_have_their_own_budget(old: Path) -> None:
    results = grown(old, "budget.steps=[32]", tasks=[2])
    config = load_run(Path(results["run"])).config
    assert list(config.budget.steps) == [64, 64, 32]
    assert [visit["steps"] for visit in tiny.lines(Path(results["run"]), "visit")] == [64, 64, 32]


@pytest.mark.parametrize(("strategy", "start"), [("hypercrl", "recalled"), ("finetune", "fresh")])
def test_new_tasks_start_from_the_nearest_where_the_strategy_can(strategy: str, start: str, tmp_path: Path) -> None:
    train(tiny.settings(tmp_path, f"continual={strategy}"), tiny.quiet()[0])
    assert grow(tmp_path / "run", None, [2]).continual.start == start


def test_a_fresh_start_can_be_asked_for(old: Path) -> None:
    assert grow(old, None, [2], ["continual.start=fresh"]).continual.start == "fresh"


class TestStart:
    """The third task has the sign of the first: its transitions are nearest to the first one's model."""

    def test_an_embedding_starts_at_the_nearest(self, tmp_path: Path) -> None:
        learned = ("learning.initial_steps=150", "learning.final_steps=200", "budget.steps=[160]")
        train(tiny.settings(tmp_path, "continual=hypercrl", *learned), tiny.quiet()[0])
        nearest = knowledge(tmp_path / "run").nearest
        known = knowledge(tmp_path / "run")
        assert known.nearest(known.rows(), [0, 1]) == 1, "the run holds the rows of its last task"
        assert nearest(known.rows(), [0]) == 0
        frozen = ("learning.initial_steps=1", "learning.final_steps=0", "learning.steps_per_env_step=0")
        results = grown(tmp_path / "run", "continual.start=nearest", "continual.like=0", *frozen, tasks=[2])
        embeddings = knowledge(Path(results["run"])).strategy.embeddings
        rate = load_run(tmp_path / "run").config.learning.lr_embedding
        assert torch.allclose(embeddings[2], embeddings[0], atol=2 * rate), "one step of Adam away"
        assert not torch.allclose(embeddings[2], embeddings[1], atol=2 * rate)

    @pytest.mark.parametrize("strategy", ["snapshot", "single", "ewc", "hypercrl"])
    def test_a_new_task_begins_with_the_weights_of_the_one_that_it_is_like(self, strategy: str, tmp_path: Path) -> None:
        train(tiny.settings(tmp_path, f"continual={strategy}"), tiny.quiet()[0])
        known = knowledge(tmp_path / "run")
        known.begin_task(2)
        known.strategy.start_like(2, 0)
        last = known.model.network.head_size
        assert torch.equal(known.strategy.weights(2)[-last:], known.strategy.weights(0)[-last:])


class TestRefused:
    @pytest.mark.parametrize(
        ("env", "tasks", "overrides", "said"),
        [
            (None, None, (), "needs tasks"),
            (None, [3], (), "no task 3"),
            (None, [], (), "nothing to learn"),
            (None, [2], ("dynamics.hidden=[8]",), "can't be changed"),
            (None, [2], ("continual.ewc_lambda=3",), "can't be changed"),
            (None, [2], ("budget.steps=[1,2]",), "2 entries for 1 new"),
            (None, [2], ("steps=[1,2]",), "2 entries for 1 new"),
            (None, [2], ("continual.like=2",), "not learned a task 2"),
            ("tests.crl.training.test_growing:OTHER", None, (), "observation"),
            ("tests.tiny:PUSHED", None, (), "two different tasks are called"),
        ],
    )
    def test_what_can_t_be_is_said_before_there_is_a_folder(
        self, old: Path, env: str | None, tasks: list[int] | None, overrides: tuple[str, ...], said: str
    ) -> None:
        with pytest.raises(CrlError, match=said):
            grow(old, env, tasks, overrides)
        assert not (old.parent / "run_more").exists()

    def test_a_run_that_is_not_finished(self, old: Path) -> None:
        (old / "results.json").unlink()
        with pytest.raises(CrlError, match="not finished"):
            grow(old, None, [2])
