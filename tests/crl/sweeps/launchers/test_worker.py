from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crl.config.asking.composing import compose
from crl.sweeps import options
from crl.sweeps import record as records
from crl.sweeps.launchers import worker
from crl.sweeps.launchers.process import FAILED, FINISHED, STOPPED
from crl.sweeps.points.expansion import expand
from crl.sweeps.state import done, state, states
from crl.sweeps.table import counts
from crl.training.runner import train
from tests import tiny
from tests.crl.states import differences
from tests.crl.sweeps.small_sweep import arguments, planned


@pytest.fixture(autouse=True)
def code(monkeypatch: pytest.MonkeyPatch) -> None:
    change_code(monkeypatch, "code 1")


def change_code(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(worker, "code_version", lambda: name)


def test_a_point_becomes_an_ordinary_run_and_is_done_once(tmp_path: Path) -> None:
    given = arguments("seed=4")
    with planned(tmp_path / "sweep", given) as folder:
        (name,) = folder.names()
        assert state(folder, name).state == "waiting"
        assert worker.work(folder, name, "code 1") == FINISHED
        train(compose([*given, f"run_dir={tmp_path}", "name=alone"]), tiny.quiet()[0])
        assert not differences(tiny.outcome(tmp_path / "alone"), tiny.outcome(folder.run(name)))
        shown = state(folder, name)
        assert (shown.state, shown.step, shown.budget, shown.error) == ("finished", 64, 64, None)
        assert shown.success is not None and shown.minutes is not None
        before = {path: path.stat().st_mtime_ns for path in folder.run(name).rglob("*")}
        assert worker.work(folder, name, "code 1") == FINISHED
        assert {path: path.stat().st_mtime_ns for path in folder.run(name).rglob("*")} == before


def test_what_only_the_run_finds_out_is_its_error(tmp_path: Path) -> None:
    with planned(tmp_path, arguments(env="SHAPE")) as folder:
        (name,) = folder.names()
        assert worker.work(folder, name, "code 1") == FAILED
        shown = state(folder, name)
        assert shown.state == "failed"
        assert shown.error and "shape" in shown.error
        record = records.read(folder.point(name))
        assert record is not None and record.attempts == 1
        worker.work(folder, name, "code 1")
        record = records.read(folder.point(name))
        assert record is not None and record.attempts == 2


def test_a_bug_is_an_error_too_and_its_traceback_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(worker, "_train", explode)
    with planned(tmp_path, arguments()) as folder:
        (name,) = folder.names()
        assert worker.work(folder, name, "code 1") == FAILED
        assert state(folder, name).error == "ZeroDivisionError: by nothing"
    assert "Traceback" in capsys.readouterr().err


def test_one_that_was_stopped_is_no_killed_one_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with planned(tmp_path, arguments()) as folder:
        (name,) = folder.names()
        with monkeypatch.context() as patched:
            patched.setattr(worker, "_train", interrupted)
            assert worker.work(folder, name, "code 1") == STOPPED
        assert state(folder, name).state == "stopped"
        assert counts(states(folder)) == "1 point: 1 stopped"
        assert worker.work(folder, name, "code 1") == FINISHED


class TestCode:
    def test_a_run_of_other_code_is_kept_aside_and_made_anew(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with planned(tmp_path, arguments()) as folder:
            (name,) = folder.names()
            point = folder.read_point(name)
            assert point is not None
            worker.work(folder, name, "code 1")
            old = (folder.run(name) / "results.json").read_bytes()
            assert done(folder, point, "code 1") and not done(folder, point, "code 2")
            change_code(monkeypatch, "code 2")
            assert worker.work(folder, name, "code 2") == FINISHED
            assert done(folder, point, "code 2")
            assert (tmp_path / "superseded" / name / "results.json").read_bytes() == old
            change_code(monkeypatch, "code 3")
            worker.work(folder, name, "code 3")
            assert len(list((tmp_path / "superseded").iterdir())) == 2

    def test_any_code_will_do_if_told_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with planned(tmp_path, arguments()) as folder:
            (name,) = folder.names()
            point = folder.read_point(name)
            assert point is not None
            worker.work(folder, name, None)
            change_code(monkeypatch, "code 2")
            written = (folder.run(name) / "results.json").stat().st_mtime_ns
            assert worker.work(folder, name, None) == FINISHED
            assert (folder.run(name) / "results.json").stat().st_mtime_ns == written
            assert not done(folder, point, "code 2"), "the record tells which code really made it"

    def test_other_settings_in_the_same_place(self, tmp_path: Path) -> None:
        with planned(tmp_path, arguments("seed=1")) as folder:
            (name,) = folder.names()
            worker.work(folder, name, "code 1")
            # As if a file in configs/ had changed: the same name and arguments compose to something else.
            plan = expand(options.read(arguments("seed=2")).overrides)
            folder.write_point(replace(plan.points[0], name=name), plan.composed[0])
            assert state(folder, name).state == "waiting"
            assert worker.work(folder, name, "code 1") == FINISHED
            assert "seed: 1\n" in (tmp_path / "superseded" / name / "config.yaml").read_text()
            assert "seed: 2\n" in (folder.run(name) / "config.yaml").read_text()


def test_settings_that_changed_under_the_sweep_are_refused(tmp_path: Path) -> None:
    with planned(tmp_path, arguments()) as folder:
        (name,) = folder.names()
        place = folder.point(name) / "settings.yaml"
        place.write_text(place.read_text().replace("seed: 0", "seed: 1"))
        assert worker.work(folder, name, "code 1") == FAILED
        record = records.read(folder.point(name))
        assert record is not None and "different settings" in (record.error or "")
        assert not folder.run(name).exists()
