from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from crl.agents.planning import PlanningAgent
from crl.memory.recall.labels import TaskInference
from crl.sequences import TaskSequence
from crl.training.load import LoadedRun, load_run
from crl.training.runner import train
from crl.types import Transition
from tests import tiny

LEARNED = ("learning.initial_steps=200", "learning.final_steps=400", "budget.steps=[160]", "dynamics.hidden=[32,32]")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    """Three gains, well learned."""
    folder = tmp_path_factory.mktemp("labels")
    train(tiny.settings(folder, "continual=single", *LEARNED, tasks="[0,1,2]"), tiny.quiet()[0])
    return load_run(folder / "run")


def transitions(run: LoadedRun, task: int, *, push: float | None = None, seed: int = 0) -> Iterator[Transition]:
    """An episode of random pushes, or of one push throughout."""
    yield from pushes(run.sequence, task, push=push, seed=seed)


def pushes(sequence: TaskSequence, task: int, *, push: float | None = None, seed: int = 0) -> Iterator[Transition]:
    """The same in any sequence of slides."""
    env, rng = sequence.make(task), np.random.default_rng(seed)
    observation, _ = env.reset(seed=seed)
    for step in range(tiny.EPISODE_STEPS):
        action = rng.uniform(-1, 1, 1) if push is None else np.array([push])
        action = action.astype(np.float32)
        after, reward, _, _, _ = env.step(action)
        told = {"first": step == 0, "last": False, "terminated": False}
        yield Transition(-1, observation, action, action, action, float(reward), after, **told)
        observation = after


def inference(run: LoadedRun) -> TaskInference:
    assert isinstance(run.agent, PlanningAgent)
    return run.agent.inference(run.tasks)


@pytest.mark.parametrize("task", [0, 1, 2])
def test_the_task_that_makes_the_transitions_is_believed(run: LoadedRun, task: int) -> None:
    found = inference(run)
    for transition in transitions(run, task):
        found.update(transition)
    assert found.believed == task
    assert found.posterior[task] > 0.9
    assert sum(found.posterior) == pytest.approx(1.0)


def test_before_anything_is_seen_the_newest_task_is_believed_and_all_are_as_likely(run: LoadedRun) -> None:
    found = inference(run)
    assert found.believed == 2
    for transition in transitions(run, 0):
        found.update(transition)
    assert found.begin() == 2
    assert found.posterior == pytest.approx([1 / 3] * 3)


def test_a_task_that_changes_on_the_way_is_noticed(run: LoadedRun) -> None:
    found = inference(run)
    for task in (0, 1, 0):
        for transition in transitions(run, task, seed=task):
            found.update(transition)
        assert found.believed == task


def test_steps_that_say_nothing_change_no_mind(run: LoadedRun) -> None:
    """Without a push all gains move alike."""
    found = inference(run)
    for transition in transitions(run, 1):
        found.update(transition)
    for transition in transitions(run, 1, push=0.0, seed=5):
        found.update(transition)
    assert found.believed == 1


def test_a_transition_that_is_no_number_decides_nothing(run: LoadedRun) -> None:
    found = inference(run)
    rows = list(transitions(run, 1))
    for transition in rows[:8]:
        found.update(transition)
    broken = np.full(2, np.nan, np.float32)
    one = rows[8]
    found.update(
        Transition(-1, one.observation, one.planned, one.refined, one.executed, 0.0, broken, False, False, False)
    )
    assert found.believed == 1
    assert np.isfinite(found.posterior).all()
