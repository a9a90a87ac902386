"""Lives of a body whose model reads the step before: kill and go on, what is held, and who may begin one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from crl.config import Config
from crl.config.asking.composing import compose
from crl.errors import CrlError
from crl.memory.lifelong import Lifelong
from crl.memory.models.memory import NOMINAL
from crl.memory.recall.phase import InForce
from crl.sequences import TaskSequence, load_sequence
from crl.training.checkpoints.store import CheckpointStore
from crl.training.lives import stage
from crl.training.lives.beginning import check_life
from crl.training.load import load_run
from crl.training.runner import resume, train
from tests import tiny, tiny_missions
from tests.crl.training.checkpoints.test_store import same
from tests.crl.training.lives.test_pole_life import LITTLE
from tests.crl.training.lives.test_stage import killed, lived

AIR: dict[str, Any] = {
    "name": "small_air",
    "description": "for tests: a quadrotor's life",
    "tasks": [
        {"name": "nominal", "id": "crl/QuadrotorLife-v0", "kwargs": {"regimes": 1, "others": 0, "episode_steps": 130}}
    ],
    "life": {"regimes": 6, "others": 1, "lengths": (8, 12), "episode_steps": 1000},
}
BODY = ("body.memory=true", "body.stride=2")
OF_MEMORY = ("memory.hidden=[24]", "memory.base_steps=300", "memory.belief.open_after=3", "life.drift=0.2")


def settings(folder: Path, *overrides: str, refiner: str = "lifelong", name: str = "run") -> Config:
    """Settings of a life of six regimes, one of which drifts."""
    chosen = [f"refiner={refiner}", "life.steps=40", *LITTLE, *BODY, *overrides]
    chosen += OF_MEMORY if refiner == "lifelong" else ()
    small = [text for text in tiny_missions.SMALL if not text.startswith("missions.")]
    given = ["env=tests.crl.training.lives.test_flying_life:AIR", f"run_dir={folder}", f"name={name}"]
    return compose([*given, *tiny.read_with(small, *given, *chosen), *chosen])


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned the nominal body."""
    folder = tmp_path_factory.mktemp("fit")
    train(settings(folder, "life.steps=1"), tiny.quiet()[0])
    return folder / "run"


@pytest.mark.parametrize("kind", ["networks", pytest.param("contexts", marks=pytest.mark.slow)])
def test_a_flight_that_was_killed_goes_on_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fitted: Path, kind: str
) -> None:
    monkeypatch.setattr(stage, "STRETCH", 20)
    more = ("checkpoint.seconds=0", f"life.run={fitted}", f"memory.kind={kind}")
    whole = lived(settings(tmp_path, *more, name="whole"))
    killed(settings(tmp_path, *more), 30, monkeypatch)
    monkeypatch.setattr("crl.training.runner.Progress", lambda *_: tiny.quiet()[0])
    record = {key: value for key, value in resume(tmp_path / "run")["life"].items() if key != "ms"}
    assert record == whole
    ends = [CheckpointStore(tmp_path / name / "checkpoints").load_latest().state for name in ("whole", "run")]
    assert same(ends[0]["agent"], ends[1]["agent"])
    assert len(whole["by_regime"]) >= 2
    assert len(whole["timeline"]) > len(whole["by_regime"])  # something was believed about it


def test_a_bridge_turns_the_command_before_too(fitted: Path) -> None:
    """What is unrolled from a planned command is what the bridge predicts of the executed one."""
    agent: Any = load_run(fitted).agent
    known: Lifelong = agent.adaptation.known
    source = torch.Generator().manual_seed(1)
    observation = 0.5 * torch.randn(known._body.size, generator=source)
    command = 0.5 * torch.randn(4, generator=source)
    assert torch.equal(known.perceived(observation), observation)
    context = known._bridge.contexts.context_of(torch.diag(torch.tensor([-1.0, 0.5, 1.0, 1.0])))
    known.belief.force = InForce(NOMINAL, context)
    planned = known._bridge.effective(context, command)
    with torch.no_grad():
        found = known.rollout()(known.perceived(observation), planned.view(1, 1, -1))[0, 1]
        as_it_is = known.rollout()(observation, planned.view(1, 1, -1))[0, 1]
        weights, now = known.memory.weights(NOMINAL), known.before.appended(observation)
        for _ in range(2):  # plans hold a command for two steps
            change = known._bridge.predict(weights, context.unsqueeze(0), now.unsqueeze(0), command.unsqueeze(0))[0, 0]
            now = torch.cat([known._body.apply(now, change, command), change])
    state = known._body.state
    assert found[state] == pytest.approx(now[state], abs=1e-4)
    assert as_it_is[state] != pytest.approx(now[state], abs=1e-2)


def test_a_run_of_another_control_period_can_not_begin_a_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fitted: Path
) -> None:
    config = settings(tmp_path, f"life.run={fitted}")
    sequence = load_sequence(config.env.name)
    check_life(config, sequence)
    spec = sequence.spec(0)
    monkeypatch.setattr(TaskSequence, "spec", lambda self, index: replace(spec, control_period=0.02 * id(self)))
    with pytest.raises(CrlError, match="learned another body"):
        check_life(config, sequence)
