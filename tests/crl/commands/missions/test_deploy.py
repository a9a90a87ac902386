"""``crl deploy``: says what it made, and one clear message where it can't."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from crl.cli import app
from crl.deployment.load import load_deployment
from crl.training.runner import train
from tests import tiny_missions


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(
        train(tiny_missions.settings(tmp_path_factory.mktemp("run"), "refiner=none", "missions.seeds=0"))["run"]
    )


def test_it_exports_what_can_be_loaded(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "deployment"
    words = ["deploy", str(run), "--robot", "ugv_generic", "--out", str(out), "--learner-rate", "0"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert f"deployment: {out}" in done.output
    deployment = load_deployment(out)
    assert deployment.learner_rate == 0.0
    assert deployment.config.refiner.name == "none"


def test_refusals_are_one_message(run: Path, tmp_path: Path) -> None:
    for words, message in (
        ([str(run), "--robot", "ugv_husky"], "list these fields in this order: x, y, heading, goal_x"),
        ([str(run), "--robot", "nobody"], "there is no robot and no file 'nobody'"),
        ([str(tmp_path / "nowhere"), "--robot", "ugv_generic"], "nowhere"),
    ):
        done = CliRunner().invoke(app, ["deploy", *words, "--out", str(tmp_path / "out")])
        assert done.exit_code == 2
        assert message in done.output
        assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()
