"""A new task's training episodes are acted in by what is known of others, as long as it resembles one of them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crl.agents import recalling
from crl.agents.factory import make_agent
from crl.agents.planning import PlanningAgent
from crl.training.growing import grow
from crl.training.load import LoadedRun, load_run
from crl.training.runner import train
from crl.types import LearnBudget, Transition
from tests import tiny

NEW, RANDOM = 2, 3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    """A finished run of two tasks, each learned well; the third resembles the first."""
    folder = tmp_path_factory.mktemp("recalling")
    learned = ("learning.initial_steps=150", "learning.final_steps=200", "budget.steps=[160]")
    train(tiny.settings(folder, "continual=hypercrl", *learned), tiny.quiet()[0])
    return load_run(folder / "run")


def agent_of(run: LoadedRun, start: str, like: int | None = None) -> PlanningAgent:
    """The run's agent in the first training episode of a new task."""
    config = deepcopy(run.config)
    config.continual.start, config.continual.like = start, like
    agent = make_agent(config, run.sequence.spec(0))
    assert isinstance(agent, PlanningAgent)
    agent.load_state_dict(run.agent.state_dict())
    agent.begin(run.sequence.spec(NEW), 0, True)
    return agent


def show(agent: PlanningAgent, run: LoadedRun, count: int, *, like: int | None = None) -> None:
    """Transitions of a known task, or, by default, of nothing that is known, shown as the new task's."""
    rng = np.random.default_rng(0)
    env = None if like is None else run.sequence.make(like)
    observation = np.zeros(2, np.float32) if env is None else env.reset(seed=1)[0]
    for at in range(count):
        action = rng.uniform(-1, 1, 1).astype(np.float32)
        after = (
            rng.normal(size=2).astype(np.float32) * 3 if env is None else np.asarray(env.step(action)[0], np.float32)
        )
        agent.observe(Transition(NEW, observation, action, action, action, 0.0, after, at == 0, False))
        observation = after


def test_a_new_task_is_acted_in_by_a_known_one_and_not_by_chance(run: LoadedRun) -> None:
    agent = agent_of(run, "recalled")
    assert agent._told in (0, 1)
    assert agent.exploration.scripted(0) is None
    assert agent.random_episodes(RANDOM) == 0
    fresh = agent_of(run, "nearest")
    assert fresh._told == NEW
    assert fresh.exploration.scripted(0) is not None
    assert fresh.random_episodes(RANDOM) == RANDOM


@pytest.mark.parametrize("known", [0, 1])
def test_the_known_task_that_explains_what_happens_acts(run: LoadedRun, known: int) -> None:
    agent = agent_of(run, "recalled")
    show(agent, run, 14, like=known)
    assert agent._told == known
    named = agent_of(run, "recalled", like=1 - known)
    show(named, run, 14, like=known)
    assert named._told == 1 - known


def test_the_new_task_starts_as_the_model_that_it_is_like(run: LoadedRun) -> None:
    agent = agent_of(run, "recalled")
    show(agent, run, 14, like=1)
    agent.knowledge.config.learning.lr = agent.knowledge.config.learning.lr_embedding = 0.0
    assert not agent.knowledge.has_learned(NEW)
    agent.learn(LearnBudget(1))
    assert agent.knowledge.has_learned(NEW)
    own, other = (agent.knowledge.normalisers[task].changes.std for task in (NEW, 1))
    nearest = agent_of(run, "nearest")
    show(nearest, run, 14, like=1)
    nearest.learn(LearnBudget(1))
    alone = nearest.knowledge.normalisers[NEW].changes.std
    assert float((own - other).abs().sum()) < float((alone - other).abs().sum())


def test_a_task_that_nothing_resembles_has_its_random_episodes(run: LoadedRun) -> None:
    agent = agent_of(run, "recalled")
    show(agent, run, 14)
    assert agent.random_episodes(RANDOM) == RANDOM
    again = make_agent(agent.config, run.sequence.spec(0))
    again.load_state_dict(agent.state_dict())
    for one in (agent, again):
        one.begin(run.sequence.spec(NEW), 1, True)
        assert one.actor is one
        assert isinstance(one, PlanningAgent)
        assert one._told == NEW


def test_episodes_that_are_no_training_are_acted_in_by_the_task_itself(run: LoadedRun) -> None:
    agent = agent_of(run, "recalled")
    agent.begin(run.sequence.spec(0), 0, False)
    assert agent._told == 0
    agent.begin(run.sequence.spec(NEW), 1, True)
    assert agent._told in (0, 1)


def test_a_run_learns_a_task_by_recall_from_its_first_episode_on(
    run: LoadedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recalling, "UNLIKE", 10.0)  # models of so small runs explain little
    given = ["exploration.random_episodes=3", "budget.steps=[32]", f"run_dir={tmp_path}", "name=more"]
    results: dict[str, Any] = train(grow(run.folder.path, None, [NEW], given), tiny.quiet()[0])
    learned = [line["steps"] for line in tiny.lines(Path(results["run"]), "learning") if line["task"] == "slide_2"]
    assert learned[0] == run.config.learning.initial_steps
    assert len(learned) == 3, "after each of two episodes, and at the end"


def test_known_tasks_act_beside_the_new_one_in_evaluations_too(run: LoadedRun) -> None:
    agent = agent_of(run, "recalled")
    show(agent, run, 14, like=1)
    agent.learn(LearnBudget(2, closing=True))
    again = make_agent(agent.config, run.sequence.spec(0))
    assert isinstance(again, PlanningAgent)
    again.load_state_dict(agent.state_dict())
    env = run.sequence.make(1)
    for one in (agent, again):
        one.begin(run.sequence.spec(NEW), 0, False)
        assert one._told == NEW
        rows, observation = len(one.knowledge.buffer), np.asarray(env.reset(seed=2)[0], np.float32)
        one.knowledge.normalisers[NEW].changes.mean.add_(100.0)  # its own model is far off
        one.begin(run.sequence.spec(NEW), 0, False)
        for at in range(14):
            action = np.float32([np.sin(at)])
            after = np.asarray(env.step(action)[0], np.float32)
            one.follow(Transition(NEW, observation, action, action, action, 0.0, after, at == 0, False))
            observation = after
        assert one._told == 1
        assert len(one.knowledge.buffer) == rows  # nothing is kept to learn from
        decided = one.deciding(run.sequence.spec(NEW))
        assert decided is not None
        assert decided.beside == (0, 1), "whoever takes the decision elsewhere must hear of it"


def test_a_task_begun_afresh_acts_alone(run: LoadedRun) -> None:
    agent = agent_of(run, "nearest")
    show(agent, run, 14, like=1)
    agent.learn(LearnBudget(2, closing=True))
    agent.begin(run.sequence.spec(NEW), 0, False)
    assert agent._recalled._inference is None
    decided = agent.deciding(run.sequence.spec(NEW))
    assert decided is not None
    assert decided.beside == ()
