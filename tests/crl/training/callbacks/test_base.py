"""Callbacks are told everything, change nothing, and can't harm a run; MLflow and W&B where they are installed."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from crl.config.asking.composing import compose, fingerprint, to_plain
from crl.errors import SettingsError
from crl.plugins import PluginError
from crl.training.callbacks import base as callbacks
from crl.training.callbacks.base import RunStart, figures, flat_settings, numbers
from crl.training.runner import resume, train
from tests import tiny


class Diary:
    """Notes what it is told; fails on demand."""

    told: list[tuple[str, Any]] = []  # noqa: RUF012 (shared by design: the runner makes the object)
    fail_in = ""

    def begin(self, run: RunStart) -> None:
        self.note("begin", run)

    def record(self, line: Mapping[str, Any]) -> None:
        self.note("record", line)

    def end(self, results: Mapping[str, Any] | None) -> None:
        self.note("end", results)

    def note(self, what: str, value: Any) -> None:
        Diary.told.append((what, value))
        if Diary.fail_in == what:
            raise RuntimeError("the tracker is down")


class Missing:
    def __init__(self) -> None:
        raise ModuleNotFoundError("No module named 'tracker'")


@pytest.fixture(autouse=True)
def diary(monkeypatch: pytest.MonkeyPatch) -> type[Diary]:
    own = [
        EntryPoint("diary", "tests.crl.training.test_callbacks:Diary", callbacks.GROUP),
        EntryPoint("missing", "tests.crl.training.test_callbacks:Missing", callbacks.GROUP),
    ]
    real = callbacks.points
    monkeypatch.setattr(callbacks, "points", lambda group: {**{point.name: point for point in own}, **real(group)})
    # The entry point loads this module by its name, which need not be the object that pytest runs.
    monkeypatch.setattr(EntryPoint, "load", lambda self, real=EntryPoint.load: _here(self) or real(self))
    monkeypatch.setattr(Diary, "told", [])
    monkeypatch.setattr(Diary, "fail_in", "")
    return Diary


def _here(point: EntryPoint) -> Any:
    return {"diary": Diary, "missing": Missing}.get(point.name)


def run(tmp_path: Path, *overrides: str) -> dict[str, Any]:
    return train(tiny.settings(tmp_path, *overrides), tiny.quiet()[0])


def test_it_is_told_of_the_whole_run(tmp_path: Path, diary: type[Diary]) -> None:
    results = run(tmp_path, "callbacks=[diary]")
    assert [what for what, _ in diary.told[:1]] == ["begin"] and diary.told[-1][0] == "end"
    begun = diary.told[0][1]
    assert (begun.folder, begun.method, begun.resumed) == (tmp_path / "run", "hypercrl", False)
    assert begun.settings["env"]["name"] == "tests.tiny:SLIDES"
    assert [value for what, value in diary.told if what == "record"] == tiny.lines(tmp_path / "run")
    assert diary.told[-1][1]["matrix"] == results["matrix"]


def test_it_is_named_by_its_module(tmp_path: Path, diary: type[Diary], monkeypatch: pytest.MonkeyPatch) -> None:
    named = "tests.crl.training.callbacks.own_diary"
    module = ModuleType(named)
    monkeypatch.setattr(module, "Diary", Diary, raising=False)
    monkeypatch.setitem(sys.modules, named, module)
    run(tmp_path, f"callbacks=['{named}:Diary']")
    assert [what for what, _ in diary.told[:1]] == ["begin"] and diary.told[-1][0] == "end"


def test_a_module_that_is_not_there_is_named_before_there_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="the callback 'no_such_module:Diary' can't be loaded"):
        run(tmp_path, "callbacks=['no_such_module:Diary']")
    assert not (tmp_path / "run").exists()


def test_it_changes_nothing(tmp_path: Path) -> None:
    run(tmp_path / "with", "callbacks=[diary]")
    run(tmp_path / "without")
    told, untold = (tiny.outcome(tmp_path / name / "run") for name in ("with", "without"))
    assert (told["metrics"], told["results"]) == (untold["metrics"], untold["results"])
    assert str(told["state"]) == str(untold["state"])


def test_settings_with_callbacks_are_the_same_run() -> None:
    assert fingerprint(compose(["callbacks=[mlflow,wandb]"])) == fingerprint(compose([]))
    assert to_plain(compose([]))["callbacks"] == []


@pytest.mark.parametrize("where", ["begin", "record", "end"])
def test_its_failure_is_said_once_and_stops_nothing(tmp_path: Path, diary: type[Diary], where: str) -> None:
    diary.fail_in = where
    with pytest.warns(UserWarning, match="callback diary ends here: RuntimeError: the tracker is down") as said:
        results = run(tmp_path, "callbacks=[diary]")
    assert len([each for each in said if "diary" in str(each.message)]) == 1
    assert results["env_steps"] > 0
    assert [what for what, _ in diary.told].count(where) == 1


def test_a_run_that_fails_ends_without_results_and_goes_on_as_resumed(tmp_path: Path, diary: type[Diary]) -> None:
    from crl.training.showing.telling import SimulatorFailed

    with pytest.raises(SimulatorFailed):
        train(tiny.settings(tmp_path, "callbacks=[diary]", env="SOUND_THEN_NAN"), tiny.quiet()[0])
    assert diary.told[-1] == ("end", None)
    with pytest.raises(SimulatorFailed):
        resume(tmp_path / "run")
    assert [value.resumed for what, value in diary.told if what == "begin"] == [False, True]


def test_unknown_ones_and_missing_libraries_are_refused_before_there_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unknown callback 'mlfow': did you mean 'mlflow'"):
        run(tmp_path, "callbacks=[mlfow]")
    with pytest.raises(SettingsError, match=r"not installed: No module named 'tracker'") as caught:
        run(tmp_path, "callbacks=[missing]")
    assert caught.value.hint == 'pip install "crl[missing]"'
    assert not (tmp_path / "run").exists()


def test_numbers_of_lines_settings_and_results() -> None:
    line = {"kind": "episode", "step": 3, "task": "a", "return": 1.5, "success": True, "lost": None}
    assert numbers(line) == {"episode/return/a": 1.5, "episode/success/a": 1.0}
    assert numbers({"kind": "mission", "step": 3, "mission": "gain [-1]", "steps": 5}) == {
        "mission/steps/gain__-1_": 5.0
    }
    assert numbers({"kind": "data", "step": 0, "transitions": 7}) == {"data/transitions": 7.0}
    assert flat_settings({"a": {"b": 1}, "c": [2]}) == {"a.b": 1, "c": [2]}
    assert figures({"env_steps": 3, "env": "x", "ok": True, "seed": 1, "matrix": []}) == {"env_steps": 3.0}


def test_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed: pip install crl[mlflow]")
    from mlflow.tracking import MlflowClient

    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # the callback's own end would be one
        warnings.filterwarnings("ignore", module=r"(mlflow|sqlalchemy|alembic|pydantic)\..*")
        results = run(tmp_path, "callbacks=[mlflow]")
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tests.tiny:SLIDES")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED" and found.info.run_name == "run"
    assert found.data.params["planner.samples"] == "8" and found.data.tags["crl.method"] == "hypercrl"
    assert found.data.metrics["results/average_return"] == pytest.approx(results["average_return"])
    episodes = tiny.lines(tmp_path / "run", "episode")
    for task in ("slide_0", "slide_1"):
        sent = client.get_metric_history(found.info.run_id, f"episode/return/{task}")
        assert sorted((each.step, each.value) for each in sent) == sorted(
            (line["step"], line["return"]) for line in episodes if line["task"] == task
        )


def test_mlflow_goes_on_with_a_resumed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed: pip install crl[mlflow]")
    from mlflow.tracking import MlflowClient

    from crl.training.callbacks.mlflow import MLflowCallback

    uri = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    settings = {"env": {"name": "x"}}
    for resumed, results in ((False, None), (True, {"env_steps": 5})):
        callback = MLflowCallback()
        callback.begin(RunStart(tmp_path / "a 'quoted' run", settings, "ewc", resumed))
        callback.record({"kind": "k", "step": 1, "v": 2.0})
        callback.end(results)
    client = MlflowClient(tracking_uri=uri)
    (found,) = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    assert found.info.status == "FINISHED" and found.data.metrics["results/env_steps"] == 5


def test_wandb_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed: pip install crl[wandb]")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="the callback")
        run(tmp_path, "callbacks=[wandb]")
    (kept,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    content = kept.read_bytes()
    for expected in (b"episode/return/slide_0", b"results/average_return", b"tests.tiny:SLIDES"):
        assert expected in content
