"""What goes wrong from outside: a clear error or a safe action with its reason, and nothing learned is lost."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import crl.training.checkpoints.store
import crl.training.runs.folder
import crl.training.runs.log
from crl.agents.planning import PlanningAgent
from crl.cli import app
from crl.continual.hypercrl import HyperCRL
from crl.errors import CrlError
from crl.training.checkpoints.store import CheckpointError, CheckpointStore
from crl.training.load import evaluate_run, load_run
from crl.training.runner import resume, train
from crl.training.runs.folder import RunFolder, RunFolderError
from crl.training.showing.telling import SimulatorFailed
from tests import tiny
from tests.crl.states import differences


def full(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, when: Callable[..., bool]) -> None:
    """Let a module's function find the disk full whenever ``when`` says so of its arguments."""
    function = getattr(module, name)

    def sometimes(*arguments: Any, **named: Any) -> Any:
        if when(*arguments):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return function(*arguments, **named)

    monkeypatch.setattr(module, name, sometimes)


def whole(tmp_path: Path, *overrides: str, **options: Any) -> dict[str, Any]:
    """What the run comes to when nothing goes wrong."""
    train(tiny.settings(tmp_path / "whole", *overrides, **options), tiny.quiet()[0])
    return tiny.outcome(tmp_path / "whole/run")


class TestNames:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["env=dor_open"], "unknown env 'dor_open': did you mean 'door_open'?"),
            (["env=Pendulum-v1"], "one of Gymnasium is env=gym:Pendulum-v1\n"),
            (["continual=hypercl"], "unknown continual 'hypercl': did you mean 'hypercrl'?"),
            (["planner=icme"], "unknown planner 'icme': did you mean 'icem'?"),
            (["profile=ful"], "unknown profile 'ful': did you mean 'full'?"),
            (["plannner.samples=3"], "unknown key 'plannner.samples': did you mean 'planner.samples'?"),
            (["env=cartpole_length", "tasks=[0,10]"], "cartpole_length has no task 10\nuse 0 to 9"),
            (["env=no.such.module:THING"], "'no.such.module:THING' can't be loaded: No module named 'no'"),
            (["env=tests.tiny:NOTHING"], "module 'tests.tiny' has no attribute 'NOTHING'"),
            (["env=tests.tiny:SMALL"], "the task sequence 'tests.tiny:SMALL' must be a dictionary"),
            (["env=my_module"], "one of your own that is not installed is named package.module:Name"),
            (["cartpole_length"], "it is no key=value\ndid you mean env=cartpole_length?"),
            (["hallo"], "it is no key=value\nSettings are written key=value"),
            (["env=tests.tiny:SLIDES", "continual=tests.tiny:SLIDES"], "is dict: it can't be called"),
            (["env=tests.tiny:SLIDES", "agent=tests.tiny:SLIDES"], "is dict: it can't be called"),
            (["env=tests.tiny:SLIDES", "planner=tests.tiny:SLIDES"], "is dict: it can't be called"),
            (["device=cdua"], "device cannot be 'cdua': did you mean 'cuda'?"),
        ],
    )
    def test_one_message_with_its_hint_and_no_run(self, arguments: list[str], message: str, workplace: Path) -> None:
        done = CliRunner().invoke(app, ["train", *arguments])
        assert done.exit_code == 2
        assert message in done.stderr
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr
        assert list(workplace.iterdir()) == []

    def test_a_run_that_does_not_exist(self, workplace: Path) -> None:
        for command in (["resume", "nowhere"], ["eval", "nowhere"], ["replay", "nowhere", "--task", "0"]):
            done = CliRunner().invoke(app, command)
            assert (done.exit_code, "there is no run folder" in done.stderr) == (2, True), done.output


class TestFullDisk:
    def test_at_a_checkpoint(self, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tmp_path = workplace
        config = tiny.settings(tmp_path, "checkpoint.seconds=0")
        writes = iter(range(1000))
        full(monkeypatch, crl.training.checkpoints.store, "write_hashed", lambda *_: next(writes) >= 13)
        monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
        with pytest.raises(CheckpointError, match=r"(?s)disk is full.*earlier checkpoints are intact.*resume=true"):
            train(config, tiny.quiet()[0])
        monkeypatch.undo()
        assert not list(tmp_path.rglob("*_rescued")), "nor does half a run"
        loaded = CheckpointStore(tmp_path / "run/checkpoints").load_latest()
        assert (loaded.problems, loaded.state["run"]["episodes"]) == ([], 4)
        assert not list((tmp_path / "run/checkpoints").glob(".*")), "half a checkpoint takes the room that is missing"
        resume(tmp_path / "run")
        assert not differences(whole(tmp_path), tiny.outcome(tmp_path / "run"))

    def test_what_a_checkpoint_can_not_take_is_saved_on_another_disk(
        self, workplace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs, other = workplace / "runs", workplace / "other"
        full(monkeypatch, crl.training.checkpoints.store, "write_hashed", lambda path, *_: other not in path.parents)
        monkeypatch.setattr(tempfile, "gettempdir", lambda: str(other))
        with pytest.raises(CheckpointError, match=r"disk is full.*has learned is in .*run_rescued") as caught:
            train(tiny.settings(runs, "checkpoint.seconds=0"), tiny.quiet()[0])
        monkeypatch.undo()
        rescued = other / "crl" / "run_rescued"
        assert caught.value.hint == f"continue it with: crl resume {rescued}"
        assert not (workplace / "run_rescued").exists(), "it was no help"
        resume(rescued)
        assert not differences(whole(workplace), tiny.outcome(rescued))

    def test_in_the_middle_of_a_line_of_metrics(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = tiny.settings(tmp_path, "checkpoint.seconds=0")
        lines = iter(range(1000))
        write_all = crl.training.runs.log.write_all

        def half(descriptor: int, data: bytes) -> None:
            if next(lines) == 7:
                write_all(descriptor, data[:9])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write_all(descriptor, data)

        monkeypatch.setattr(crl.training.runs.log, "write_all", half)
        with pytest.raises(RunFolderError, match=r"metrics\.jsonl can't be written: the disk is full"):
            train(config, tiny.quiet()[0])
        monkeypatch.undo()
        assert len(tiny.lines(tmp_path / "run")) == 7, "whole lines only"
        resume(tmp_path / "run")
        assert not differences(whole(tmp_path), tiny.outcome(tmp_path / "run"))

    def test_at_the_results(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        full(monkeypatch, crl.training.runs.folder, "replace_file", lambda path, *_: path.name == "results.json")
        with pytest.raises(RunFolderError, match=r"results\.json can't be written: the disk is full"):
            train(tiny.settings(tmp_path), tiny.quiet()[0])
        monkeypatch.undo()
        assert RunFolder.open(tmp_path / "run").status() == "unfinished"
        resume(tmp_path / "run")
        assert not differences(whole(tmp_path), tiny.outcome(tmp_path / "run"))

    def test_before_there_is_anything(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        full(monkeypatch, crl.training.runs.folder, "replace_file", lambda path, *_: path.name == "config.yaml")
        with pytest.raises(RunFolderError, match=r"config\.yaml can't be written: the disk is full"):
            train(tiny.settings(tmp_path), tiny.quiet()[0])
        monkeypatch.undo()
        results = train(tiny.settings(tmp_path, "resume=true"), tiny.quiet()[0])
        assert results["run"] == str((tmp_path / "run").resolve()), "its name is free again"


class TestRunFolder:
    def test_that_can_not_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(RunFolderError, match=r"can't be written"):
            train(tiny.settings(tmp_path / "file"), tiny.quiet()[0])

    def test_that_became_read_only(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """By the file system's word: who runs the tests as root can write wherever a mode forbids it."""
        stop_in_the_middle(tmp_path)
        open_file = os.open

        def refuse(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(str(tmp_path.resolve() / "run")):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            return open_file(path, flags, *rest, **named)

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(
            RunFolderError, match=r"(?s)run.* can't be written: Read-only file system.*make it writable"
        ):
            resume(tmp_path / "run")
        assert load_run(tmp_path / "run").tasks == [0], "it can be read"
        monkeypatch.undo()
        resume(tmp_path / "run")
        assert not differences(whole(tmp_path), tiny.outcome(tmp_path / "run"))

    def test_that_is_half_written(self, tmp_path: Path) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run/fingerprint").write_text("x\n")
        for action in (resume, load_run):
            with pytest.raises(RunFolderError, match="stopped before it began"):
                action(tmp_path / "run")

    def test_without_any_checkpoint(self, tmp_path: Path) -> None:
        stop_in_the_middle(tmp_path)
        for path in (tmp_path / "run/checkpoints").iterdir():
            path.rename(tmp_path / path.name)
        with pytest.raises(CheckpointError, match=r"no usable checkpoint in .*run/checkpoints: there are none"):
            load_run(tmp_path / "run")

    def test_from_another_version(self, tmp_path: Path) -> None:
        train(tiny.settings(tmp_path), tiny.quiet()[0])
        with (tmp_path / "run/config.yaml").open("a") as file:
            file.write("teleport: true\n")
        results = json.loads((tmp_path / "run/results.json").read_text())
        fixes = {
            "9.9.9": "the run was made by crl 9.9.9, this is crl .*pip install crl==9.9.9",
            results["version"]: "use that one, or take the setting out of the file",
        }
        for version, hint in fixes.items():
            (tmp_path / "run/results.json").write_text(json.dumps({**results, "version": version}))
            with pytest.raises(CrlError, match=rf"(?s)unknown setting 'teleport'.*{hint}"):
                load_run(tmp_path / "run")
        (tmp_path / "run/results.json").unlink()
        noted = tmp_path / "run/provenance.json"
        for code, said in (("", " of crl: use"), ('{"version": "0.1.0", "commit": "abc"}', "abc worked on it")):
            noted.write_text(f'{{"code": [{code}]}}'.replace("0.1.0", results["version"]))
            with pytest.raises(CrlError, match=f"may come from another version.*{said}"):
                load_run(tmp_path / "run")
        noted.write_text('{"code": [{"version": "9.9.9"}]}')
        with pytest.raises(CrlError, match=r"made by crl 9\.9\.9"):
            load_run(tmp_path / "run")

    def test_whose_settings_are_broken(self, tmp_path: Path) -> None:
        stop_in_the_middle(tmp_path)
        config = tmp_path / "run/config.yaml"
        text = config.read_text()
        config.write_text(text.replace("samples: 8", "samplse: 8"))
        with pytest.raises(CrlError, match=r"unknown setting 'planner\.samplse': did you mean 'planner\.samples'"):
            resume(tmp_path / "run")
        config.write_text(text.replace("samples: 8", "samples: -8"))
        with pytest.raises(CrlError, match=r"config\.yaml: planner\.samples is -8: it must be at least 1"):
            resume(tmp_path / "run")
        config.write_text("planner: [")
        with pytest.raises(CrlError, match=r"config\.yaml is not valid YAML"):
            resume(tmp_path / "run")
        config.write_text(text)
        assert resume(tmp_path / "run")["env_steps"] == 128


def stop_in_the_middle(tmp_path: Path) -> None:
    """Leave a run unfinished after its fourth episode, with checkpoints after the third and the fourth."""
    config = tiny.settings(tmp_path, "checkpoint.seconds=0")
    left = 4
    save = CheckpointStore.save

    def stop(store: CheckpointStore, *arguments: Any) -> Any:
        nonlocal left
        path = save(store, *arguments)
        left -= 1
        if left == 0:
            raise InterruptedError
        return path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CheckpointStore, "save", stop)
        with pytest.raises(InterruptedError):
            train(config, tiny.quiet()[0])


class TestDamagedCheckpoint:
    @staticmethod
    def flip(path: Path) -> tuple[str, str]:
        """Flip a bit in the middle of a file; returns its SHA-256 before and after."""
        data = bytearray(path.read_bytes())
        before = hashlib.sha256(data).hexdigest()
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        return before, hashlib.sha256(data).hexdigest()

    @pytest.mark.parametrize("name", ["arrays.safetensors", "state.json", "manifest.json"])
    def test_it_is_named_and_the_one_before_it_is_used(self, name: str, tmp_path: Path) -> None:
        stop_in_the_middle(tmp_path)
        _, newest = CheckpointStore(tmp_path / "run/checkpoints").list()
        before, after = self.flip(newest / name)
        progress, text = tiny.quiet()
        train(tiny.settings(tmp_path, "resume=true"), progress)
        shown = text.getvalue()
        assert str(newest / name) in shown
        if name != "manifest.json":
            assert before in shown
            assert after in shown
        assert "continued from the checkpoint at 48 environment steps" in shown
        assert not differences(whole(tmp_path), tiny.outcome(tmp_path / "run"))

    def test_all_of_them(self, tmp_path: Path) -> None:
        stop_in_the_middle(tmp_path)
        changed = [
            self.flip(path / "arrays.safetensors") for path in CheckpointStore(tmp_path / "run/checkpoints").list()
        ]
        with pytest.raises(CheckpointError, match="no usable checkpoint") as caught:
            resume(tmp_path / "run")
        for before, after in changed:
            assert before in caught.value.message
            assert after in caught.value.message
        assert "without resume=true" in str(caught.value)


class TestSimulator:
    def test_nothing_learned_is_lost_when_it_fails_for_good(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The second task breaks down; no checkpoint was due before."""
        config = tiny.settings(tmp_path, env="SOUND_THEN_NAN")
        with pytest.raises(SimulatorFailed, match=r"(?s)slide_1: 5 training episodes in a row.*crl\.checks.*resume"):
            train(config, tiny.quiet()[0])
        state = CheckpointStore(tmp_path / "run/checkpoints").load_latest().state
        assert state["run"]["env_steps"] == 64 + 5 * 5
        assert len(state["agent"]["buffer"]["reward"]) == 5 * 4
        (learned,) = tiny.lines(tmp_path / "run", "evaluation")
        again = evaluate_run(tmp_path / "run", task=0)["tasks"][0]
        assert learned["mean_return"] > -1000
        assert set(again) == {"name", "success_rate", "mean_return"}
        assert again["name"] == "slide_0"
        # Once the simulator is fixed the run goes on.
        monkeypatch.setattr(tiny, "FIXED", {"nan"})
        results = resume(tmp_path / "run")
        assert [visit["task"] for visit in results["visits"]] == ["slide_0", "slide_1"]
        assert results["matrix"][1][1] is not None

    def test_it_still_fails_when_it_was_not_fixed(self, tmp_path: Path) -> None:
        with pytest.raises(SimulatorFailed):
            train(tiny.settings(tmp_path, env="NAN", tasks="[0]"), tiny.quiet()[0])
        with pytest.raises(SimulatorFailed):
            resume(tmp_path / "run")
        assert len(tiny.lines(tmp_path / "run", "episode")) == 6

    def test_on_the_command_line_it_is_one_message(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(app, ["train", *tiny.arguments(tmp_path, env="SHAPE", tasks="[0]")])
        assert done.exit_code == 2
        assert "error: slide_0: 5 training episodes in a row ended early" in done.stderr
        assert "an observation of shape (3,) instead of (2,)" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_fault_now_and_then_costs_an_episode_only(self, tmp_path: Path) -> None:
        progress, text = tiny.quiet()
        results = train(tiny.settings(tmp_path, "budget.steps=[128]", env="SOMETIMES_NAN"), progress)
        assert "episode ended early: the simulator returned a number that is not finite" in text.getvalue()
        assert all(task["mean_return"] is not None for task in results["tasks"])
        run = load_run(tmp_path / "run")
        assert all(bool(torch.isfinite(run.agent.knowledge.strategy.weights(task)).all()) for task in (0, 1))


class TestModel:
    """A model that predicts NaN plans nothing: the safe action is taken, and the metrics say why."""

    @staticmethod
    def poison(agent: Any) -> None:
        assert isinstance(agent, PlanningAgent)
        assert isinstance(agent.knowledge.strategy, HyperCRL)
        with torch.no_grad():
            agent.knowledge.strategy.parameters["head.bias"].fill_(torch.nan)
        agent.knowledge._forget()

    @pytest.mark.parametrize("planner", ["icem", "cem", "mppi", "random_shooting"])
    def test_the_safe_action_with_its_reason(self, planner: str, tmp_path: Path) -> None:
        more = [f"planner={planner}", "learning.average=0", "exploration.noise=0"]
        loop = tiny.make_loop(tiny.settings(tmp_path, *more), tmp_path / "loop")
        for _ in range(2):
            loop.unit()
        self.poison(loop.agent)
        assert isinstance(loop.agent, PlanningAgent)
        kept = len(loop.agent.knowledge.buffer)
        tiny.finish(loop)
        told = tiny.lines(tmp_path / "loop", "episode")
        assert "safe_actions" not in told[1]
        assert told[2]["safe_actions"] == tiny.EPISODE_STEPS
        (reason,) = told[2]["reasons"]
        assert reason.endswith("sampled action sequences has a finite predicted return")
        assert all(line["notes"] == [reason] for line in tiny.lines(tmp_path / "loop", "evaluation"))
        assert kept == 32

    def test_what_is_executed_is_the_safe_action(self, tmp_path: Path) -> None:
        loop = tiny.make_loop(tiny.settings(tmp_path, "learning.average=0"), tmp_path / "loop")
        for _ in range(2):
            loop.unit()
        self.poison(loop.agent)
        loop.unit()
        assert isinstance(loop.agent, PlanningAgent)
        executed = loop.agent.knowledge.buffer.column("action", 32)
        assert executed.shape == (tiny.EPISODE_STEPS, 1)
        assert np.array_equal(executed, np.full_like(executed, 0.125))

    def test_poisoned_weights_learn_nothing_and_other_tasks_are_left_alone(self, tmp_path: Path) -> None:
        loop = tiny.make_loop(tiny.settings(tmp_path, "continual=single", "learning.average=0"), tmp_path / "loop")
        while loop.state.visit == 0:
            loop.unit()
        loop.unit()
        agent = loop.agent
        assert isinstance(agent, PlanningAgent)
        before = agent.knowledge.strategy.weights(0)
        with torch.no_grad():
            agent.knowledge.strategy.trunk.fill_(torch.nan)  # type: ignore[attr-defined]
        agent.knowledge._forget()
        tiny.finish(loop)
        assert torch.equal(agent.knowledge.strategy.weights(0), before)
        notes = {line["task"]: line.get("notes") for line in tiny.lines(tmp_path / "loop", "evaluation")}
        assert notes["slide_0"] is None
        assert notes["slide_1"] is not None
