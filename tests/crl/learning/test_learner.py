"""Learning sessions: what they minimise, their rates, their reports, and what cannot hurt them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from crl.agents.planning import PlanningAgent
from crl.agents.planning_making import planning_agent
from crl.types import LearnBudget
from tests.crl.point_mass import ACTION, OBSERVATION, episode, point_mass, small, train, transition
from tests.crl.states import bits, differences

TASKS = [point_mass(0), point_mass(1)]


def filled(episodes: int = 3, **changes: Any) -> PlanningAgent:
    """An agent with data of the first task and nothing learned."""
    agent = planning_agent(small(**{"exploration": {"random_episodes": 100}, **changes}), OBSERVATION, ACTION)
    for number in range(episodes):
        list(episode(agent, TASKS[0], number))
    return agent


def rates(agent: PlanningAgent) -> list[float]:
    """The factors of the learning rate at every step from now on."""
    seen: list[float] = []
    step, scale = agent.knowledge.strategy.step, agent.knowledge.strategy.scale_lr
    now = [1.0]

    def scale_lr(factor: float) -> None:
        now[0] = factor
        scale(factor)

    def stepped(loss: Any) -> Any:
        seen.append(now[0])
        return step(loss)

    agent.knowledge.strategy.scale_lr, agent.knowledge.strategy.step = scale_lr, stepped  # type: ignore[method-assign]
    return seen


@pytest.mark.parametrize(
    ("strategy", "changes"),
    [
        ("finetune", {}),
        ("single", {}),
        ("hypercrl", {}),
        ("hypercrl", {"ensemble": 2, "rollout": 3}),
        ("hypercrl", {"out_var": True}),
        ("hypercrl", {"loss": "smooth_l1"}),
    ],
)
def test_learning_lowers_the_loss(strategy: str, changes: dict) -> None:
    agent = filled(8, dynamics=changes, continual={"name": strategy}, learning={"lr": 5e-3, "lr_embedding": 5e-3})
    first = agent.learn(LearnBudget(20))
    agent.learn(LearnBudget(150))
    last = agent.learn(LearnBudget(20))
    assert (first.steps, last.steps) == (20, 20)
    if changes.get("out_var"):
        assert last.losses["task"] < first.losses["task"] - 0.5
    else:
        assert last.losses["task"] < 0.4 * first.losses["task"]


def test_the_rate_falls_linearly_in_the_closing_session_only() -> None:
    agent = filled(learning={"lr_final": 0.2})
    seen = rates(agent)
    agent.learn(LearnBudget(5))
    agent.learn(LearnBudget(8, closing=True))
    agent.learn(LearnBudget(5))  # validation failed, the task goes on: at the full rate
    np.testing.assert_allclose(seen, [1.0] * 5 + [1 - 0.8 * i / 8 for i in range(8)] + [1.0] * 5)


def test_nothing_to_learn_from_or_no_steps_is_an_empty_report() -> None:
    agent = filled(0)
    agent.begin(TASKS[0], 0, explore=True)
    before = agent.state_dict()["strategy"]
    assert (agent.learn(LearnBudget(5)).steps, agent.learn(LearnBudget(5)).losses) == (0, {})
    full = filled()
    assert full.learn(LearnBudget(0)).steps == 0
    assert not differences(agent.state_dict()["strategy"], before)


def test_reports_are_means_over_the_session() -> None:
    agent = filled()
    terms: list[float] = []
    step = agent.knowledge.strategy.step

    def stepped(loss: Any) -> Any:
        report = step(loss)
        terms.append(float(report["task"]))
        return report

    agent.knowledge.strategy.step = stepped  # type: ignore[method-assign]
    report = agent.learn(LearnBudget(9))
    assert report.losses["task"] == pytest.approx(np.mean(terms), rel=1e-5)
    assert set(report.losses) == {"task"}
    train(agent, TASKS[1], range(1))
    assert set(agent.learn(LearnBudget(3)).losses) >= {"task", "retain"}


def poison(agent: PlanningAgent) -> None:
    """An enormous transition, whose squared error overflows float32; the normalisers don't see it."""
    huge = np.full(2, 3e30, np.float32)
    with np.errstate(over="ignore"):
        agent.knowledge.buffer.add(transition(TASKS[0], np.zeros(2, np.float32), np.zeros(1, np.float32), huge))
    agent.knowledge._normalised = len(agent.knowledge.buffer)


@pytest.mark.parametrize("strategy", ["hypercrl", "finetune", "single"])
def test_a_loss_that_is_not_finite_moves_no_parameter(strategy: str) -> None:
    agent = filled(continual={"name": strategy}, learning={"recent": 1.0, "recent_window": 1, "events": 0.0})
    agent.learn(LearnBudget(5))
    poison(agent)
    before = agent.state_dict()["strategy"]
    report = agent.learn(LearnBudget(4))
    after = agent.state_dict()["strategy"]
    for state in (before, after):
        state.pop("average")  # it counts steps
    assert not differences(after, before)
    assert all(math.isfinite(value) for value in report.losses.values())


def test_a_loss_that_is_not_finite_moves_no_bound() -> None:
    agent = filled(dynamics={"out_var": True}, learning={"recent": 1.0, "recent_window": 1, "events": 0.0})
    agent.learn(LearnBudget(5))
    poison(agent)
    before = bits(agent.knowledge.model.bounds)
    agent.learn(LearnBudget(4))
    assert bits(agent.knowledge.model.bounds) == before


def test_skipped_steps_are_told() -> None:
    agent = filled(learning={"recent": 0.0, "events": 0.0, "batch": 4})
    agent.learn(LearnBudget(5))
    poison(agent)
    report = agent.learn(LearnBudget(60))
    assert 0 < report.losses["skipped"] < 60
    assert math.isfinite(report.losses["task"])


def test_bounds_are_learned_with_the_first_task_and_then_frozen() -> None:
    agent = filled(dynamics={"out_var": True})
    initial = agent.knowledge.model.bounds.clone()
    agent.learn(LearnBudget(20))
    learned = agent.knowledge.model.bounds.clone()
    assert (learned[0] > initial[0]).all()  # the penalty lifts it; nothing is so certain yet
    assert (learned[1] != initial[1]).all()
    train(agent, TASKS[1], range(1))
    train(agent, TASKS[0], range(10, 11))  # and when the first task comes back, others depend on them
    assert bits(agent.knowledge.model.bounds) == bits(learned)
    assert not agent.knowledge.model.bounds.requires_grad


def test_sessions_draw_different_batches_and_the_same_in_every_run() -> None:
    def losses() -> list[float]:
        agent = filled(learning={"lr": 1e-12, "lr_embedding": 1e-12, "batch": 4})
        return [agent.learn(LearnBudget(1)).losses["task"] for _ in range(3)]

    one = losses()
    assert len(set(one)) == 3
    assert losses() == one


def test_an_episode_shorter_than_the_window_is_told_with_its_hint() -> None:
    agent = filled(0, dynamics={"rollout": 3})
    agent.begin(TASKS[0], 0, explore=True)
    for step in range(2):
        zero = np.zeros(2, np.float32)
        agent.observe(transition(TASKS[0], zero, np.zeros(1, np.float32), zero, step))
    with pytest.raises(ValueError, match=r"set dynamics\.rollout lower"):
        agent.learn(LearnBudget(3))


def test_learning_leaves_the_global_generators_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    filled().learn(LearnBudget(5))
    assert torch.equal(torch.get_rng_state(), before)
