"""Lives as the last stage of a run: any refiner, a kill at any moment, a run and a memory to begin with."""

from __future__ import annotations

import json
import select
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crl.config import Config
from crl.config.asking.composing import compose
from crl.errors import CrlError
from crl.memory.beside import process
from crl.sequences import load_sequence
from crl.training.checkpoints.store import CheckpointStore
from crl.training.lives import stage
from crl.training.lives.beginning import check_life
from crl.training.lives.storage import MemoryFolder, robot_of
from crl.training.runner import resume, train
from tests import tiny, tiny_missions
from tests.crl.deployment.driving import ended
from tests.crl.memory.beside.standing import Stand
from tests.crl.training.checkpoints.test_store import same

LIFE: dict[str, Any] = {
    "name": "small_life",
    "description": "for tests: a unicycle's life of three regimes",
    "tasks": [
        {
            "name": "nominal",
            "id": "crl/UGVLife-v0",
            "kwargs": {"regimes": 1, "others": 0, "episode_steps": 120},
        }
    ],
    "life": {"regimes": 3, "others": 1, "lengths": (20, 40), "episode_steps": 1000},
}
SMALL = ("memory.hidden=[24]", "memory.base_steps=400")
TIMES = ("ms",)


def settings(folder: Path, *overrides: str, refiner: str = "lifelong", name: str = "run") -> Config:
    """Settings of a life of 150 steps."""
    chosen = [f"refiner={refiner}", "life.steps=150", *overrides, *(SMALL if refiner == "lifelong" else ())]
    small = [text for text in tiny_missions.SMALL if not text.startswith("missions.")]
    given = ["env=tests.crl.training.lives.test_stage:LIFE", f"run_dir={folder}", f"name={name}"]
    return compose([*given, *tiny.read_with(small, *given, *chosen), *chosen])


def lived(config: Config) -> dict[str, Any]:
    """The record of a life, without what equal lives differ in."""
    record = train(config, tiny.quiet()[0])["life"]
    return {key: value for key, value in record.items() if key not in TIMES}


@pytest.mark.parametrize(
    "refiner", ["lifelong", *(pytest.param(name, marks=pytest.mark.slow) for name in ("afm", "none", "oracle"))]
)
def test_every_refiner_lives(tmp_path: Path, refiner: str) -> None:
    record = lived(settings(tmp_path, refiner=refiner))
    assert record["steps"] == 150
    assert sum(part["steps"] for part in record["by_regime"].values()) == 150
    assert record["timeline"][0][:2] == [0, 0]
    written = json.loads((tmp_path / "run" / "results.json").read_text())["life"]
    assert written["timeline"] == record["timeline"]
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["steps"] for line in lines if line["kind"] == "life"] == [150]
    assert (tmp_path / "run" / "memory").exists() == (refiner == "lifelong")
    if refiner == "oracle":
        assert record["right"] > 0.9


@pytest.mark.slow
def test_a_life_whose_memory_is_learned_by_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lives at its own pace: here it waits after each step, so that there are results."""
    helpers: list[Any] = []
    step = stage.LifeStage._step

    def stepped(self: Any, agent: Any, *arguments: Any) -> None:
        step(self, agent, *arguments)
        helper = agent.actor.helper
        if not helpers:
            helpers.append(helper)
        if helper._under_way is not None:
            select.select([helper._child.end], [], [], 60.0)

    monkeypatch.setattr(stage.LifeStage, "_step", stepped)
    record = lived(settings(tmp_path, "memory.learner=process"))
    assert record["steps"] == 150
    (helper,) = helpers
    assert helper.counts["lessons_taken"] > 10
    assert helper.pid is not None
    assert ended(helper.pid)


def test_what_goes_wrong_in_the_other_process_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process is dead when it is looked at."""
    monkeypatch.setattr(process, "ChildProcess", Stand)
    monkeypatch.setattr(Stand, "alive", property(lambda self: False, lambda self, value: None), raising=False)
    config = settings(tmp_path, "memory.learner=process")
    progress, output = tiny.quiet()
    assert train(config, progress)["life"]["steps"] == 150
    assert "it is started again (1)" in output.getvalue()
    assert "nothing is learned any more" in output.getvalue()
    assert all(stand.closed for stand in Stand.made)


class Killed(Exception):
    """In place of a kill."""


def killed(config: Config, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live until a step, and die in it."""
    steps, step = 0, stage.LifeStage._step

    def stepped(self: Any, *arguments: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == at:
            raise Killed
        step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(stage.LifeStage, "_step", stepped)
        with pytest.raises(Killed):
            lived(config)


@pytest.mark.parametrize("refiner", ["lifelong", pytest.param("afm", marks=pytest.mark.slow)])
def test_a_life_that_was_killed_goes_on_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refiner: str
) -> None:
    monkeypatch.setattr(stage, "STRETCH", 50)
    whole = lived(settings(tmp_path, "checkpoint.seconds=0", refiner=refiner, name="whole"))
    killed(settings(tmp_path, "checkpoint.seconds=0", refiner=refiner), 120, monkeypatch)
    assert not (tmp_path / "run" / "results.json").exists()
    monkeypatch.setattr("crl.training.runner.Progress", lambda *_: tiny.quiet()[0])
    record = {key: value for key, value in resume(tmp_path / "run")["life"].items() if key not in TIMES}
    assert record == whole
    ends = [CheckpointStore(tmp_path / name / "checkpoints").load_latest().state for name in ("whole", "run")]
    assert same(ends[0]["agent"], ends[1]["agent"])


def opened(run: Path) -> int:
    """Regimes that the memory of a run has opened so far."""
    state = CheckpointStore(run / "checkpoints").load_latest().state
    return int(state["agent"]["adaptation"]["known"]["memory"]["opened"])


def test_a_life_begins_with_a_finished_run_and_with_its_memory(tmp_path: Path) -> None:
    lived(settings(tmp_path, "life.steps=100", name="first"))
    again = lived(settings(tmp_path, f"life.run={tmp_path / 'first'}", "life.steps=20", name="again"))
    assert again["steps"] == 20
    assert opened(tmp_path / "again") >= opened(tmp_path / "first") > 0
    steps = json.loads((tmp_path / "again" / "results.json").read_text())
    assert steps["env_steps"] == 0  # the nominal body was not learned anew
    other = lived(settings(tmp_path, f"life.run={tmp_path / 'first'}", "life.steps=20", refiner="afm", name="other"))
    assert other["steps"] == 20
    memory = f"life.memory={tmp_path / 'first' / 'memory'}"
    lived(settings(tmp_path, f"life.run={tmp_path / 'other'}", memory, "life.steps=20", name="fourth"))
    assert opened(tmp_path / "fourth") >= opened(tmp_path / "first")


def test_a_memory_that_can_t_be_read_is_named_before_anything_is_learned(tmp_path: Path) -> None:
    config = settings(tmp_path, f"life.memory={tmp_path / 'nowhere'}")
    with pytest.raises(CrlError, match=r"there is no memory in .*nowhere"):
        train(config, tiny.quiet()[0])
    assert not (tmp_path / "run").exists()
    slow = robot_of(replace(load_sequence(config.env.name).spec(0), control_period=9.0))
    MemoryFolder(tmp_path / "slow", slow).save(1, {})
    with pytest.raises(CrlError, match="another robot: its control period differs"):
        train(settings(tmp_path, f"life.memory={tmp_path / 'slow'}"), tiny.quiet()[0])
    assert not (tmp_path / "run").exists()


def test_fewer_regimes_can_be_asked_of_every_life() -> None:
    for name in ("ugv_life", "cartpole_life"):
        config = compose([f"env={name}", "refiner=lifelong", "life.steps=10", "life.regimes=4"])
        check_life(config, load_sequence(name))


def test_what_can_not_be_lived_is_named(tmp_path: Path) -> None:
    with pytest.raises(CrlError, match=r"life\.steps needs a refiner"):
        settings(tmp_path, refiner="off")
    missions = tiny_missions.settings(tmp_path, "refiner=none")
    missions.life.steps = 10
    with pytest.raises(CrlError, match="has no life"):
        train(missions, tiny.quiet()[0])
    train(tiny_missions.settings(tmp_path, "refiner=none", "missions.seeds=0", "name=other"), tiny.quiet()[0])
    nothing = settings(tmp_path, f"life.run={tmp_path / 'nothing'}", name="a")
    with pytest.raises(CrlError, match="there is no run folder"):
        train(nothing, tiny.quiet()[0])
    with pytest.raises(CrlError, match=r"life\.labels=told is for a memory"):
        settings(tmp_path, "life.labels=told", refiner="afm")
    with pytest.raises(CrlError, match="has a life, and no missions"):
        train(settings(tmp_path, "life.steps=null", name="b"), tiny.quiet()[0])
