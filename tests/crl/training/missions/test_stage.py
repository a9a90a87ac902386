"""The last stage of a run: all missions, once each, and the same ones after an interruption."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crl.errors import CrlError, Interrupted
from crl.sequences import load_sequence
from crl.training.missions.stage import MissionStage
from crl.training.runner import resume, train
from crl.training.runs.folder import RunFolder
from crl.training.runs.log import RunLog
from crl.training.runs.state import RunState
from crl.training.showing.progress import Progress
from tests import tiny, tiny_missions
from tests.crl.states import differences

BRIEF = ("planner.samples=8", "missions.steps=30", "learning.final_steps=60", "missions.seeds=2")


def straight() -> tiny.Puppet:
    """Drives ahead, whatever happens."""
    return tiny.Puppet(lambda puppet: [1.0, 0.0])


def stage(tmp_path: Path, *overrides: str, env: str = "tests.tiny_missions:UGV") -> MissionStage:
    config = tiny_missions.settings(tmp_path, *overrides, env=env)
    config.missions.steps = 20
    return MissionStage(config, load_sequence(env))


def test_all_faults_with_the_first_seed_then_all_with_the_second(tmp_path: Path) -> None:
    ours, state, agent = stage(tmp_path, "refiner=none", "missions.seeds=2"), RunState(env_steps=600), straight()
    progress, text = tiny.quiet()
    (tmp_path / "log").mkdir()
    log = RunLog(RunFolder(tmp_path / "log"), tensorboard=False)
    left = []
    while ours.left(state):
        left.append(ours.left(state))
        ours.fly(agent, state, log, progress)
    assert left == [4, 3, 2, 1]
    first = state.missions[0]["seed"]
    flown = [(record["mission"], record["seed"]) for record in state.missions]
    assert flown == [("nominal", first), ("gain_-1_1", first), ("nominal", first + 1), ("gain_-1_1", first + 1)]
    assert [record["class"] for record in state.missions] == ["none", "signs"] * 2
    assert [record["fault"] for record in state.missions] == [{}, {"gain": [-1, 1]}] * 2
    # The same seed gives both faults the same start.
    np.testing.assert_array_equal(state.missions[0]["path"][0], state.missions[1]["path"][0])
    assert not np.array_equal(state.missions[0]["path"][0], state.missions[2]["path"][0])
    assert state.evaluation_steps == sum(record["steps"] for record in state.missions) > 0
    assert state.env_steps == 600  # missions teach the run nothing
    lines = tiny.lines(tmp_path / "log", "mission")
    assert [line["mission"] for line in lines] == [name for name, _ in flown]
    assert all("ms" not in line and line["step"] == 600 for line in lines)
    assert text.getvalue().count("of 6 waypoints in") == 4


def test_without_a_refiner_there_are_no_missions(tmp_path: Path) -> None:
    assert stage(tmp_path, "refiner=off").left(RunState()) == 0
    assert stage(tmp_path, "refiner=off", env="tests.tiny:SLIDES").left(RunState()) == 0
    assert stage(tmp_path, "refiner=none", "missions.seeds=0").left(RunState()) == 0


def test_a_sequence_without_missions_is_refused(tmp_path: Path) -> None:
    for env in ("tests.tiny_missions:NO_MISSIONS", "tests.tiny:SLIDES"):
        with pytest.raises(CrlError, match="has no missions"):
            stage(tmp_path, "refiner=none", env=env)


class InterruptedAfter(Progress):
    """Sends this process a signal after so many missions."""

    def __init__(self, missions: int) -> None:
        super().__init__(1, [], tiny.quiet()[0]._console)
        self.left = missions

    def message(self, text: str) -> None:
        if text.startswith("mission "):
            self.left -= 1
            if self.left == 0:
                signal.raise_signal(signal.SIGINT)


def shared(folder: Path) -> dict[str, Any]:
    """What equal runs share of results, log and final state."""
    found = tiny.outcome(folder)
    for record in found["results"]["missions"]:
        del record["ms"]
    return found


@pytest.mark.parametrize("refiner", ["none", "afm"])
def test_an_interrupted_run_flies_the_rest_and_ends_alike(refiner: str, tmp_path: Path) -> None:
    given = (f"refiner={refiner}", *BRIEF)
    config = tiny_missions.settings(tmp_path, *given)
    config.run_dir = str(tmp_path / "whole")
    results = train(config, tiny.quiet()[0])
    assert len(results["missions"]) == 4
    assert all(record["steps"] > 0 for record in results["missions"])
    assert json.loads((tmp_path / "whole/run/results.json").read_text())["missions"] == results["missions"]
    config = tiny_missions.settings(tmp_path, *given)
    config.run_dir = str(tmp_path / "stopped")
    with pytest.raises(Interrupted):
        train(config, InterruptedAfter(1))
    assert len(tiny.lines(tmp_path / "stopped/run", "mission")) == 1
    again = resume(tmp_path / "stopped/run")
    assert len(again["missions"]) == 4
    whole, stopped = (shared(tmp_path / name / "run") for name in ("whole", "stopped"))
    assert whole["metrics"] == stopped["metrics"]
    assert whole["results"] == stopped["results"]
    assert differences(whole["state"], stopped["state"]) == []
