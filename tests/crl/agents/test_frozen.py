"""The frozen agent: acts as its inner agent in evaluation, learns nothing, and knows what it has not learned."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crl.agents.frozen import Frozen
from crl.agents.planning import PlanningAgent
from crl.agents.planning_making import planning_agent
from crl.errors import CrlError
from crl.training.load import load_run
from crl.training.runner import train as run
from crl.types import LearnBudget
from tests import tiny
from tests.crl.point_mass import ACTION, OBSERVATION, episode, point_mass, small, train
from tests.crl.states import differences, numbers

TASKS = [point_mass(0), point_mass(1)]


@pytest.fixture
def inner() -> PlanningAgent:
    agent = planning_agent(small(exploration={"noise": 0.3, "every": 100}), OBSERVATION, ACTION)
    for task in TASKS:
        train(agent, task, range(2))
    return agent


def test_it_acts_as_its_inner_agent_in_evaluation(inner: PlanningAgent) -> None:
    frozen = Frozen(inner)
    for task in TASKS:
        expected = list(episode(inner, task, 7, explore=False))
        for explore in (False, True):
            assert np.array_equal(list(episode(frozen, task, 7, explore=explore)), expected)
        assert not np.array_equal(list(episode(inner, task, 7, explore=True)), expected), "its noise would show"


def test_nothing_changes_it(inner: PlanningAgent) -> None:
    frozen = Frozen(inner)
    before = copy.deepcopy(frozen.state_dict())
    assert numbers(before) > 1000
    for task in TASKS:
        train(frozen, task, range(3))
        assert frozen.learn(LearnBudget(50, closing=True)).steps == 0
    assert not differences(frozen.state_dict(), before)
    assert (frozen.kept_bytes(), frozen.old_rows_read(), frozen.storage().bytes_per_task) == (0, 0, 0)


def test_tasks_go_by_their_names(inner: PlanningAgent) -> None:
    frozen = Frozen(inner, {"mass 0": 0, "mass 1": 1})
    moved = point_mass(0, name="mass 1")
    observation = np.array([1.0, -0.5], np.float32)
    inner.begin(TASKS[1], 7, explore=False)
    expected = inner.act(observation).action
    frozen.begin(moved, 7, explore=True)
    assert np.array_equal(frozen.act(observation).action, expected)
    frozen.begin(point_mass(0, name="mass 2"), 7, explore=True)
    decision = frozen.act(observation)
    assert decision.action == pytest.approx(TASKS[0].safe_action)
    assert decision.reason == "the frozen agent has not learned the task 'mass 2'"
    frozen.begin(moved, 7, explore=True)
    assert frozen.act(observation).reason is None


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    run(tiny.settings(folder), tiny.quiet()[0])
    return folder / "run"


class TestRun:
    @staticmethod
    def results(folder: Path, finished: Path, *more: str, **given: Any) -> Mapping[str, Any]:
        return run(tiny.settings(folder, "agent=frozen", f"agent.run={finished}", *more, **given), tiny.quiet()[0])

    def test_a_finished_run_is_played(self, finished: Path, tmp_path: Path) -> None:
        learned = run(tiny.settings(finished.parent, "resume=true"), tiny.quiet()[0])
        results = self.results(tmp_path, finished, tasks="[1,0]")
        assert (results["agent"], results["strategy"], results["planner"]) == ("frozen", "frozen", None)
        assert results["gradient_steps"] == 0
        assert {task["name"]: task["returns"] for task in results["tasks"]} == {
            task["name"]: task["returns"] for task in learned["tasks"]
        }
        assert results["forgetting_return"] == 0.0

    def test_it_can_be_loaded_and_played_in_turn(self, finished: Path, tmp_path: Path) -> None:
        again = self.results(tmp_path / "one", finished, tasks="[0]")
        twice = self.results(tmp_path / "two", tmp_path / "one/run", tasks="[0]")
        assert twice["tasks"] == again["tasks"]
        assert load_run(tmp_path / "two/run").tasks == [0]

    def test_what_it_has_not_learned_is_said(self, finished: Path, tmp_path: Path) -> None:
        self.results(tmp_path, finished, tasks="[2]")
        (note,) = {line["notes"][0] for line in tiny.lines(tmp_path / "run", "evaluation")}
        assert note == "the frozen agent has not learned the task 'slide_2'"

    def test_another_robot_is_refused(self, finished: Path, tmp_path: Path) -> None:
        with pytest.raises(
            CrlError, match=r"(?s)can't play cartpole_length: the observation is .*env=tests\.tiny:SLIDES"
        ):
            self.results(tmp_path, finished, env="cartpole_length")

    def test_a_folder_that_is_no_run_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(CrlError, match="nowhere"):
            self.results(tmp_path, tmp_path / "nowhere")
