"""The command ``crl live``: its words, and a life that is gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from crl.cli import app
from crl.commands.live import STEPS, composed
from crl.config.asking.composing import fingerprint, to_yaml
from crl.errors import CrlError, SettingsError
from crl.training.runs.folder import RunFolder

WORDS = ["env=ugv_life", "steps=70", "seed=3"]


def test_steps_are_those_of_the_life_and_the_default_refiner_remembers(tmp_path: Path) -> None:
    config = composed([*WORDS, f"run_dir={tmp_path}"])
    assert (config.life.steps, config.seed, config.refiner.name) == (70, 3, "lifelong")
    assert config.budget.steps == [4500]
    assert not config.resume
    assert composed(["env=ugv_life", "refiner=afm"]).life.steps == STEPS
    assert composed([*WORDS, "run=some/run"]).life.run == "some/run"


def test_a_run_to_begin_with_may_be_named_as_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    RunFolder.create(tmp_path / "runs", "fit", "0" * 64).write_text(tmp_path / "runs/fit/config.yaml", "seed: 1\n")
    assert composed([*WORDS, "run=fit"]).life.run == str((tmp_path / "runs/fit").resolve())
    with pytest.raises(CrlError, match="there is no run folder runs/nowhere"):
        composed([*WORDS, "run=nowhere"])


def test_the_same_words_go_on_with_a_life_that_was_stopped(tmp_path: Path) -> None:
    words = [*WORDS, f"run_dir={tmp_path}"]
    config = composed(words)
    folder = RunFolder.create(tmp_path, "begun", fingerprint(config))
    folder.write_text(folder.config, to_yaml(config))
    assert composed(words).resume
    assert composed([*words, "name=begun"]).resume
    assert not composed([*words, "seed=4"]).resume


def test_without_a_sequence_it_says_what_to_type() -> None:
    with pytest.raises(SettingsError, match=r"live needs env=\.\.\."):
        composed(["steps=10"])
    shown = CliRunner().invoke(app, ["live", "env=ugv_mission", "steps=10"])
    assert shown.exit_code == 2
    shown = CliRunner().invoke(app, ["live", "env=ugv_life", "refiner=off"])
    assert shown.exit_code == 2
