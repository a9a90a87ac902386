"""``crl export`` of a tiny run: what is played comes back, and models predict what the run predicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import crl
from crl.cli import app
from crl.errors import CrlError
from crl.exporting.dynamics import PROBES
from crl.exporting.run import Format, _alone, default_name
from crl.training.data.extra import library
from tests import tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "run"
    words = [f"run_dir={folder.parent}", "name=run", "tasks=[0]", "dynamics.ensemble=2", "videos=false"]
    shown = CliRunner().invoke(app, ["train", "env=tests.tiny:SLIDES", *tiny.SMALL, *words])
    assert shown.exit_code == 0, shown.output
    return folder


def export(*words: str) -> tuple[int, str]:
    shown = CliRunner().invoke(app, ["export", *words], catch_exceptions=True)
    return shown.exit_code, f"{shown.output}{shown.exception or ''}"


def test_a_program_of_pytorch_predicts_what_the_run_predicts(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    code, said = export(str(run), "--format", "torch", "--task", "0", "--out", str(path))
    assert code == 0, said
    assert f"on {PROBES} rows" in said
    module = torch.export.load(path).module()
    loaded = crl.load(run)
    rng = np.random.default_rng(0)
    for observation, action in zip(rng.normal(size=(5, 2)), rng.uniform(-1, 1, (5, 1)), strict=True):
        step = loaded.predict(observation, action[None, None].astype(np.float32)).trajectory[0, 1]
        rows = torch.tensor(observation, dtype=torch.float32)[None], torch.tensor(action, dtype=torch.float32)[None]
        np.testing.assert_allclose(module(*rows).detach().numpy()[0], step, atol=1e-5)


def test_onnx_predicts_what_the_run_predicts(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    code, said = export(str(run), "--format", "onnx", "--task", "0", "--out", str(path))
    assert code == 0, said
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [part.name for part in session.get_inputs()] == ["observation", "action"]
    observation = np.random.default_rng(0).normal(size=2).astype(np.float32)
    actions = np.random.default_rng(1).uniform(-1, 1, (7, 1, 1)).astype(np.float32)
    expected = crl.load(run).predict(observation, actions).trajectory[:, 1]
    given = {"observation": np.tile(observation, (7, 1)), "action": actions[:, 0]}
    np.testing.assert_allclose(session.run(None, given)[0], expected, atol=1e-5)


def test_a_run_learns_from_what_another_exported(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library_of = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    code, said = export(str(run), "--format", "minari", "--task", "0", "--episodes", "3", "--out", "tests/slides-v0")
    assert code == 0, said
    assert f"{3 * tiny.EPISODE_STEPS} transitions in 3 episodes" in said
    episodes = list(library_of.load_dataset("tests/slides-v0").iterate_episodes())
    seed = crl.load(run).settings["evaluation"]["seed"]
    policy = crl.load(run).policy(0)
    policy._episode = seed - 1
    policy.reset()
    np.testing.assert_allclose(policy.act(episodes[0].observations[0]), episodes[0].actions[0])
    words = [f"run_dir={tmp_path}", "name=learner", "tasks=[0]", "videos=false", "data.source=minari:tests/slides-v0"]
    shown = CliRunner().invoke(app, ["train", "env=tests.tiny:SLIDES", *tiny.SMALL, *words])
    assert shown.exit_code == 0, shown.output
    lines = tiny.lines(tmp_path / "learner")
    assert any(3 * tiny.EPISODE_STEPS in line.values() for line in lines), lines[:3]


def test_what_can_not_be_exported_is_named(run: Path, tmp_path: Path) -> None:
    (tmp_path / "there.pt2").touch()
    for words, said in (
        (["--format", "onx", "--task", "0"], "did you mean 'onnx'"),
        (["--format", "torch"], "a run has several tasks"),
        (["--format", "torch", "--task", "9"], "has not learned a task 9"),
        (["--format", "torch", "--task", "0", "--out", str(tmp_path / "there.pt2")], "exists already"),
    ):
        code, shown = export(str(run), *words)
        assert code != 0
        assert said in shown
    with pytest.raises(CrlError, match=r"needs the package nothing.*") as error:
        library("no_such_module", "nothing")
    assert "pip install 'crl[export]'" in str(error.value)


def test_names_without_out() -> None:
    assert default_name(Format.ONNX, "door s0", "task1") == "door-s0_task1.onnx"
    assert default_name(Format.MINARI, "door_s0", "task1") == "crl/door_s0_task1-v0"


def test_a_decision_that_leaves_out_known_tasks_says_so() -> None:
    assert _alone("slide_2", []) == ""
    said = _alone("slide_2", ["slide_0", "slide_1"])
    assert "warning" in said
    assert "slide_0, slide_1 act in slide_2" in said
    assert "crl.load(RUN).policy(TASK)" in said
