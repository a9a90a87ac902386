"""Lives of a body with goals: kill and go on, told labels, and an oracle that is told the motion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crl.config import Config
from crl.config.asking.composing import compose
from crl.errors import CrlError
from crl.training.checkpoints.store import CheckpointStore
from crl.training.lives import stage
from crl.training.runner import resume, train
from tests import tiny, tiny_missions
from tests.crl.training.checkpoints.test_store import same
from tests.crl.training.lives.test_stage import killed, lived

POLE: dict[str, Any] = {
    "name": "small_pole",
    "description": "for tests: a pole's life",
    "tasks": [{"name": "nominal", "id": "crl/CartPoleLife-v0", "kwargs": {"regimes": 1, "episode_steps": 120}}],
    "life": {"lengths": (20, 40), "episode_steps": 1000},
}
BLOCK: dict[str, Any] = {
    "name": "small_block",
    "description": "for tests: a body that no oracle can be told of",
    "tasks": [{"name": "nominal", "id": "crl/PusherLife-v0", "kwargs": {"regimes": 1, "episode_steps": 120}}],
    "life": {"episode_steps": 1000},
}
LITTLE = ("learning.initial_steps=10", "learning.final_steps=30", "budget.steps=[520]")
OF_MEMORY = ("memory.kind=heads", "memory.curved=1.0", "memory.hidden=[24]", "memory.base_steps=300")


def settings(folder: Path, *overrides: str, refiner: str = "lifelong", name: str = "run", life: str = "POLE") -> Config:
    """Settings of a life of three regimes."""
    chosen = [f"refiner={refiner}", "life.steps=80", "life.regimes=3", *LITTLE, *overrides]
    chosen += OF_MEMORY if refiner == "lifelong" else ()
    small = [text for text in tiny_missions.SMALL if not text.startswith("missions.")]
    given = [f"env=tests.crl.training.lives.test_pole_life:{life}", f"run_dir={folder}", f"name={name}"]
    return compose([*given, *tiny.read_with(small, *given, *chosen), *chosen])


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned the nominal pole."""
    folder = tmp_path_factory.mktemp("fit")
    train(settings(folder, "life.steps=1"), tiny.quiet()[0])
    return folder / "run"


@pytest.mark.parametrize("labels", ["none", "told"])
def test_a_pole_that_was_killed_goes_on_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fitted: Path, labels: str
) -> None:
    monkeypatch.setattr(stage, "STRETCH", 25)
    more = ("checkpoint.seconds=0", f"life.run={fitted}", f"life.labels={labels}")
    whole = lived(settings(tmp_path, *more, name="whole"))
    killed(settings(tmp_path, *more), 60, monkeypatch)
    monkeypatch.setattr("crl.training.runner.Progress", lambda *_: tiny.quiet()[0])
    record = {key: value for key, value in resume(tmp_path / "run")["life"].items() if key != "ms"}
    assert record == whole
    ends = [CheckpointStore(tmp_path / name / "checkpoints").load_latest().state for name in ("whole", "run")]
    assert same(ends[0]["agent"], ends[1]["agent"])
    assert (whole["waypoints"], whole["cross_track"]) == (None, None)
    assert whole["goal_distance"] > 0
    assert whole["bytes"]["once"] > 0
    assert len(whole["by_regime"]) >= 2


def test_a_poles_oracle_is_told_its_motion(tmp_path: Path, fitted: Path) -> None:
    life = lived(settings(tmp_path, f"life.run={fitted}", "life.steps=40", refiner="oracle"))
    assert life["right"] == 1.0
    assert life["bytes"] is None


def test_what_can_not_be_told_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(CrlError, match=r"nobody can tell an oracle.*small_block"):
        train(settings(tmp_path, refiner="oracle", life="BLOCK"), tiny.quiet()[0])
