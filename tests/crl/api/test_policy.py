"""A policy shows its agent what its own actions did."""

from __future__ import annotations

import numpy as np

from crl.api.policy import Policy
from crl.sequences import load_sequence
from tests.tiny import Puppet


def test_the_agent_follows_what_its_actions_did_within_an_episode() -> None:
    agent = Puppet(lambda puppet: [0.25 * len(puppet.followed)])
    policy = Policy(agent, load_sequence("tests.tiny:SLIDES").spec(1))
    seen = np.arange(8, dtype=np.float32).reshape(4, 2)
    for observation in seen[:3]:
        policy.act(observation)
    policy.reset()
    policy.act(seen[3])
    assert [step.first for step in agent.followed] == [True, False]
    assert [step.task for step in agent.followed] == [1, 1]
    np.testing.assert_array_equal([step.observation for step in agent.followed], seen[:2])
    np.testing.assert_array_equal([step.next_observation for step in agent.followed], seen[1:3])
    assert [float(step.executed[0]) for step in agent.followed] == [0.0, 0.25]
    assert agent.seen == []
