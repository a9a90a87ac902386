from __future__ import annotations

import io
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from crl.config.asking.composing import load_yaml, to_plain
from crl.config.fingerprints import digest
from crl.errors import CrlError, Interrupted
from crl.training.checkpoints.store import CheckpointStore
from crl.training.load import load_run
from crl.training.runner import interrupts, resume, resume_command, train
from crl.training.runs import provenance
from crl.training.runs.folder import RunFolder
from crl.training.runs.provenance import read_code
from crl.training.showing import progress as progress_module
from crl.training.showing.progress import Progress
from crl.version import __version__
from tests import tiny
from tests.crl.states import differences


class Interrupting(Progress):
    """Sends this process a signal after so many episodes."""

    def __init__(self, episodes: int, signals: list[signal.Signals]) -> None:
        super().__init__(1, [], tiny.quiet()[0]._console)
        self.left, self.signals = episodes, signals

    def update(self, **values: Any) -> None:
        self.left -= "episode_return" in values
        while self.left <= 0 and self.signals:
            signal.raise_signal(self.signals.pop(0))  # handled before it returns, unlike with os.kill


def interrupted(tmp_path: Path, *overrides: str, episodes: int = 3, **options: Any) -> Interrupted:
    """A run that is interrupted in its middle."""
    config = tiny.settings(tmp_path, *overrides, **options)
    with pytest.raises(Interrupted) as caught:
        train(config, Interrupting(episodes, [signal.SIGINT]))
    return caught.value


class TestRun:
    def test_it_leaves_a_folder_that_says_all(self, tmp_path: Path) -> None:
        config = tiny.settings(tmp_path, "seed=5")
        results = train(config, tiny.quiet()[0])
        folder = RunFolder.open(tmp_path / "latest")
        assert folder.path == (tmp_path / "run").resolve()
        assert folder.status() == "finished"
        assert to_plain(load_yaml(folder.config)) == to_plain(config)
        assert json.loads(folder.results.read_text())["fingerprint"] == folder.fingerprint() == results["fingerprint"]
        assert list(folder.path.glob("events.*")), "TensorBoard's files"
        kinds = [line["kind"] for line in tiny.lines(folder.path)]
        assert {kind: kinds.count(kind) for kind in kinds} == {
            "episode": 8,
            "learning": 10,
            "evaluation": 3,
            "visit": 2,
        }
        steps = [line["step"] for line in tiny.lines(folder.path)]
        assert steps == sorted(steps)
        assert steps[-1] == 128
        assert load_run(folder.path).tasks == [0, 1]

    def test_it_shows_what_it_does(self, tmp_path: Path) -> None:
        progress, text = tiny.quiet()
        train(tiny.settings(tmp_path), progress)
        assert text.getvalue().count("task step") >= 8
        assert "after slide_1: slide_0 success" in text.getvalue()

    def test_what_it_shows_is_true_from_the_first_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(progress_module, "LINE_SECONDS", 0.0)
        text = io.StringIO()
        shown = Progress(128, ["slide_0", "slide_1"], Console(file=text, width=300))
        train(tiny.settings(tmp_path, "evaluation.episodes=2", "evaluation.episodes_between=1"), shown)
        lines = text.getvalue().splitlines()
        assert "/0 " not in text.getvalue() and "1/0" not in text.getvalue()
        assert lines[0].startswith("task 1/2 slide_0  explore   task step 0/64  step 0/128")
        told = [line for line in lines if "  explore" in line and "return" in line]
        assert ["task step 16/64  step 16/128" in line for line in told] == [True, False]
        counted = [line.partition("evaluate  ")[2].partition("  step")[0] for line in lines if "evaluate  " in line]
        assert "evaluation episode 1 of 2 (slide_0)" in counted and "evaluation episode 2 of 4 (slide_0)" in counted
        assert "evaluation episode 4 of 4 (slide_1)" in counted
        assert not [line for line in lines if "evaluate" in line and "task step" in line]
        assert any("learn " in line for line in lines)

    def test_the_code_is_noted_when_a_run_begins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(provenance, "commit", lambda: "aaaaaaa")
        interrupted(tmp_path)
        assert read_code(tmp_path / "run") == [{"version": __version__, "commit": "aaaaaaa"}]
        monkeypatch.setattr(provenance, "commit", lambda: "bbbbbbb+")
        resume(tmp_path / "run")
        resume(tmp_path / "run")
        assert [code["commit"] for code in read_code(tmp_path / "run")] == ["aaaaaaa", "bbbbbbb+"]

    def test_as_many_checkpoints_as_wanted(self, tmp_path: Path) -> None:
        train(tiny.settings(tmp_path, "checkpoint.keep=3", "checkpoint.seconds=0"), tiny.quiet()[0])
        store = CheckpointStore(tmp_path / "run/checkpoints")
        assert len(store.list()) == 3
        assert store.load_latest().step == 128

    def test_checkpoints_only_when_they_are_due(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        saved = []
        save = CheckpointStore.save

        def noted(store: CheckpointStore, step: int, *state: Any) -> Path:
            saved.append(step)
            return save(store, step, *state)

        monkeypatch.setattr(CheckpointStore, "save", noted)
        train(tiny.settings(tmp_path / "rare"), tiny.quiet()[0])
        assert saved == [128], "at the end always"
        saved.clear()
        train(tiny.settings(tmp_path / "often", "checkpoint.seconds=0"), tiny.quiet()[0])
        assert saved == sorted(saved)
        assert set(saved) == set(range(16, 129, 16)), "after every episode"

    def test_a_name_that_is_taken_gets_a_number(self, tmp_path: Path) -> None:
        train(tiny.settings(tmp_path, tasks="[0]"), tiny.quiet()[0])
        results = train(tiny.settings(tmp_path, tasks="[0]"), tiny.quiet()[0])
        assert results["run"] == str((tmp_path / "run_2").resolve())

    def test_without_a_name_it_is_called_after_its_settings(self, tmp_path: Path) -> None:
        results = train(tiny.settings(tmp_path, "name=null", "seed=4", tasks="[0]"), tiny.quiet()[0])
        assert Path(results["run"]).name.startswith("tests.tiny-SLIDES_hypercrl_s4_")

    @pytest.mark.parametrize(
        ("override", "message"),
        [("tasks=[0,7]", "slides has no task 7"), ("budget.steps=[16,16,16]", "3 entries for 2 tasks")],
    )
    def test_wrong_settings_leave_no_folder(self, override: str, message: str, tmp_path: Path) -> None:
        with pytest.raises(CrlError, match=message):
            train(tiny.settings(tmp_path / "runs", override), tiny.quiet()[0])
        assert not (tmp_path / "runs").exists()


class TestInterruption:
    def test_it_saves_and_says_how_to_go_on(self, tmp_path: Path) -> None:
        error = interrupted(tmp_path)
        folder = RunFolder.open(tmp_path / "run")
        assert error.command == f"crl resume {folder.path}"
        assert folder.status() == "unfinished"
        loaded = CheckpointStore(folder.checkpoints).load_latest()
        assert loaded.step == 48, "the unit in which the signal came was done to its end"
        assert loaded.state["run"]["gradient_steps"] == 6 + 3 + 3

    def test_what_handled_the_signals_before_does_so_again(self, tmp_path: Path) -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        interrupted(tmp_path)
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_a_polite_kill_and_a_closed_terminal_are_interruptions_too(
        self, number: signal.Signals, tmp_path: Path
    ) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
        try:
            with pytest.raises(Interrupted):
                train(tiny.settings(tmp_path), Interrupting(2, [number]))
        finally:
            signal.signal(signal.SIGHUP, before)
        assert CheckpointStore(tmp_path / "run/checkpoints").load_latest().step == 32

    def test_under_nohup_a_closed_terminal_is_none(self, tmp_path: Path) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with interrupts() as event:
                signal.raise_signal(signal.SIGHUP)
            assert not event.is_set()
        finally:
            signal.signal(signal.SIGHUP, before)

    def test_the_second_one_stops_at_once(self, tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt):
            train(tiny.settings(tmp_path, "checkpoint.seconds=0"), Interrupting(3, [signal.SIGINT, signal.SIGINT]))
        assert CheckpointStore(tmp_path / "run/checkpoints").load_latest().step == 32, "of the last whole unit"
        resume(tmp_path / "run")
        train(tiny.settings(tmp_path / "whole"), tiny.quiet()[0])
        assert not differences(tiny.outcome(tmp_path / "whole/run"), tiny.outcome(tmp_path / "run"))

    def test_the_command_can_be_pasted(self, tmp_path: Path) -> None:
        assert resume_command(RunFolder(Path("/my runs/it's"))) == """crl resume '/my runs/it'"'"'s'"""


class TestResume:
    def test_after_a_release_with_new_settings(self, tmp_path: Path) -> None:
        interrupted(tmp_path)
        # A setting that the release added changes every fingerprint, and no run's own settings.
        older = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
        del older["evaluation"]["seed"]
        (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump(older))
        (tmp_path / "run" / "fingerprint").write_text(f"{digest(older)}\n")
        assert resume(tmp_path / "run")["env_steps"] == 128

    def test_a_finished_run_that_was_moved_knows_its_place(self, tmp_path: Path) -> None:
        train(tiny.settings(tmp_path), tiny.quiet()[0])
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "run").rename(tmp_path / "elsewhere" / "run")
        assert resume(tmp_path / "elsewhere" / "run")["run"] == str((tmp_path / "elsewhere" / "run").resolve())

    def test_by_its_folder(self, tmp_path: Path) -> None:
        interrupted(tmp_path)
        results = resume(tmp_path / "latest")
        assert results["run"] == str((tmp_path / "run").resolve())
        train(tiny.settings(tmp_path / "whole"), tiny.quiet()[0])
        assert not differences(tiny.outcome(tmp_path / "whole/run"), tiny.outcome(tmp_path / "run"))

    def test_the_newest_unfinished_run_of_the_same_settings(self, tmp_path: Path) -> None:
        interrupted(tmp_path, "name=old", episodes=2)
        interrupted(tmp_path, "name=other", "seed=1")
        interrupted(tmp_path, "name=newest", episodes=6)
        train(tiny.settings(tmp_path, "name=finished"), tiny.quiet()[0])
        progress, text = tiny.quiet()
        results = train(tiny.settings(tmp_path, "name=null", "resume=true"), progress)
        assert Path(results["run"]).name == "newest"
        assert "continued from the checkpoint at 96 environment steps" in text.getvalue()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["finished", "latest", "newest", "old", "other"]

    def test_a_run_that_was_never_begun_begins(self, tmp_path: Path) -> None:
        progress, text = tiny.quiet()
        train(tiny.settings(tmp_path, "resume=true"), progress)
        train(tiny.settings(tmp_path / "whole"), tiny.quiet()[0])
        assert "continued" not in text.getvalue()
        assert not differences(tiny.outcome(tmp_path / "whole/run"), tiny.outcome(tmp_path / "run"))

    def test_a_finished_run_gives_its_results_and_does_nothing(self, tmp_path: Path) -> None:
        first = train(tiny.settings(tmp_path), tiny.quiet()[0])
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        again = train(tiny.settings(tmp_path, "resume=true"), tiny.quiet()[0])
        assert again == json.loads(json.dumps(first)) == resume(tmp_path / "run")
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before

    def test_other_settings_are_refused_by_name(self, tmp_path: Path) -> None:
        interrupted(tmp_path)
        with pytest.raises(CrlError, match=r"made with other settings.*\ncontinue it with its own: crl resume .*/run"):
            train(tiny.settings(tmp_path, "resume=true", "seed=1"), tiny.quiet()[0])

    def test_settings_without_effect_may_change(self, tmp_path: Path) -> None:
        interrupted(tmp_path)
        progress, text = tiny.quiet()
        more = ["checkpoint.seconds=0", "checkpoint.keep=1", "videos=true"]
        train(tiny.settings(tmp_path, "resume=true", *more), progress)
        assert "continued from" in text.getvalue()
        assert len(CheckpointStore(tmp_path / "run/checkpoints").list()) == 1

    def test_a_run_that_lost_only_its_results(self, tmp_path: Path) -> None:
        train(tiny.settings(tmp_path), tiny.quiet()[0])
        before = tiny.outcome(tmp_path / "run")
        (tmp_path / "run/results.json").write_text('{"env": "te')
        resume(tmp_path / "run")
        assert not differences(before, tiny.outcome(tmp_path / "run"))

    def test_a_run_killed_before_its_first_checkpoint(self, tmp_path: Path) -> None:
        interrupted(tmp_path)
        for path in (tmp_path / "run/checkpoints").iterdir():
            for file in path.iterdir():
                file.unlink()
            path.rmdir()
        assert len(tiny.lines(tmp_path / "run")) > 0, "lines that nothing accounts for"
        resume(tmp_path / "run")
        train(tiny.settings(tmp_path / "whole"), tiny.quiet()[0])
        assert not differences(tiny.outcome(tmp_path / "whole/run"), tiny.outcome(tmp_path / "run"))

    @pytest.mark.parametrize("left", [[], ["fingerprint"], ["fingerprint", ".config.yaml.123.tmp"]])
    def test_a_run_killed_before_it_had_settings_begins_anew_under_its_name(
        self, left: list[str], tmp_path: Path
    ) -> None:
        (tmp_path / "run").mkdir()
        for name in left:
            (tmp_path / "run" / name).write_text("x")
        results = train(tiny.settings(tmp_path, "resume=true", tasks="[0]"), tiny.quiet()[0])
        assert results["run"] == str((tmp_path / "run").resolve())
        assert not (tmp_path / "run_2").exists()
        assert not list((tmp_path / "run").glob("*.tmp"))

    def test_a_folder_with_anything_else_in_it_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run/thesis.tex").write_text("years of work")
        results = train(tiny.settings(tmp_path, "resume=true", tasks="[0]"), tiny.quiet()[0])
        assert results["run"] == str((tmp_path / "run_2").resolve())
        assert (tmp_path / "run/thesis.tex").read_text() == "years of work"
