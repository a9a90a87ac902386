from __future__ import annotations

import math

import numpy as np
import pytest

from crl.safety.command_filter import CommandFilter
from crl.sequences import load_sequence
from crl.training.clock import Clock
from crl.training.playing.step import Step, show, take
from tests.tiny import Puppet


def one(agent: Puppet, sent: list[float] | None = None) -> Step:
    """The first step in a tiny task."""
    sequence = load_sequence("tests.tiny:SLIDES")
    task, env = sequence.spec(0), sequence.make(0)
    observation, _ = env.reset(seed=3)
    wall = CommandFilter(task.action, task.safe_action)
    agent.begin(task, 0, True)
    if sent is None:
        return take(agent, env, observation, wall, Clock())
    return take(agent, env, observation, wall, Clock(), lambda decision: np.asarray(sent, dtype=np.float32))


def test_what_is_sent_is_what_the_filter_lets_through() -> None:
    step = one(Puppet(lambda puppet: [7.0]))
    assert float(step.decision.action[0]) == 7.0
    assert (float(step.executed.action[0]), step.executed.reason) == (1.0, "an action outside its limits")


def test_another_action_can_be_sent_than_was_decided() -> None:
    step = one(Puppet(lambda puppet: [0.5]), sent=[-0.25])
    assert (float(step.decision.action[0]), float(step.executed.action[0])) == (0.5, -0.25)


def test_the_agent_is_not_shown_the_step_before_it_is_asked_for() -> None:
    agent = Puppet(lambda puppet: [0.5])
    step = one(agent)
    assert agent.seen == []
    sequence = load_sequence("tests.tiny:SLIDES")
    transition = step.transition(sequence.spec(0), first=True, last=False)
    show(agent, transition, learns=False)
    assert agent.seen == [transition]
    assert (transition.first, transition.last, transition.terminated) == (True, False, False)
    assert np.array_equal(transition.observation, step.before)
    assert np.array_equal(transition.next_observation, step.after)
    assert transition.reward == pytest.approx(step.reward)
    assert math.isfinite(step.decision_ms)
    assert step.fault is None
