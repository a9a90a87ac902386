"""The random agent: uniform, by address, and unmoved by what it sees."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from crl.agents.random import RandomAgent
from crl.types import LearnBudget
from tests.crl.point_mass import ACTION, OBSERVATION, episode, point_mass, small, train

TASK = point_mass(0, episode_steps=400)


def actions(seed: int, number: int, *, explore: bool, task: int = 0) -> np.ndarray:
    agent = RandomAgent(small(seed=seed), OBSERVATION, ACTION)
    return np.concatenate(list(episode(agent, point_mass(task, episode_steps=400), number, explore=explore)))


def test_actions_are_uniform_in_their_range() -> None:
    drawn = np.concatenate([actions(0, number, explore=True) for number in range(5)])
    assert drawn.dtype == np.float32
    assert stats.kstest(drawn, stats.uniform(ACTION.low[0], ACTION.high[0] - ACTION.low[0]).cdf).pvalue > 0.01
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.07


def test_seed_task_and_episode_say_it_all() -> None:
    first = actions(0, 3, explore=False)
    assert np.array_equal(first, actions(0, 3, explore=False))
    for other in (
        actions(1, 3, explore=False),
        actions(0, 4, explore=False),
        actions(0, 3, explore=False, task=1),
        actions(0, 3, explore=True),
    ):
        assert not np.intersect1d(first, other).size


def test_it_learns_nothing() -> None:
    agent = RandomAgent(small(), OBSERVATION, ACTION)
    train(agent, TASK, range(2))
    assert agent.learn(LearnBudget(100, closing=True)).steps == 0
    assert agent.state_dict() == {}
    assert (agent.kept_bytes(), agent.old_rows_read()) == (0, 0)
    assert np.array_equal(np.concatenate(list(episode(agent, TASK, 3, explore=False))), actions(0, 3, explore=False))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_observation_that_is_not_finite_gets_the_safe_action(bad: float) -> None:
    agent = RandomAgent(small(), OBSERVATION, ACTION)
    agent.begin(TASK, 0, explore=True)
    decision = agent.act(np.array([0.0, bad], np.float32))
    assert decision.action == pytest.approx(TASK.safe_action)
    assert decision.reason == "the observation is not finite"
