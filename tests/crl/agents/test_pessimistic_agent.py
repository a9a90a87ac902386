"""``planner.pessimism``: evaluations shun what the members disagree about, training episodes don't."""

from __future__ import annotations

import numpy as np

from crl.agents.planning import PlanningAgent
from crl.agents.planning_making import planning_agent
from tests.crl.point_mass import ACTION, OBSERVATION, episode, point_mass, small, train

TASK = point_mass(0)


def trained(pessimism: float) -> PlanningAgent:
    agent = planning_agent(small(dynamics={"ensemble": 3}, planner={"pessimism": pessimism}), OBSERVATION, ACTION)
    train(agent, TASK, range(3))
    return agent


def actions(agent: PlanningAgent, number: int, *, explore: bool) -> np.ndarray:
    return np.array(list(episode(agent, TASK, number, explore=explore)))


def test_only_episodes_without_exploration_are_planned_pessimistically() -> None:
    plain, wary = trained(0.0), trained(2.0)
    np.testing.assert_array_equal(actions(wary, 3, explore=True), actions(plain, 3, explore=True))
    assert not np.array_equal(actions(wary, 4, explore=False), actions(plain, 4, explore=False))
    # And back again, also where both kinds of rollout are at hand.
    np.testing.assert_array_equal(actions(wary, 5, explore=True), actions(plain, 5, explore=True))
    again = trained(2.0)
    np.testing.assert_array_equal(actions(wary, 4, explore=False), actions(again, 4, explore=False))
