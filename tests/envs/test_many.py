"""The long sequences are drawn once, and stay as they are."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

import crl_envs  # noqa: F401  registers the environments
from crl_envs import many


@pytest.mark.parametrize("sequence", [many.CARTPOLE_100, many.PUSHER_100], ids=lambda sequence: sequence["name"])
def test_a_hundred_tasks_of_names_of_their_own(sequence: dict) -> None:
    tasks = sequence["tasks"]
    assert len({task["name"] for task in tasks}) == len(tasks) == many.COUNT
    for task in (tasks[0], tasks[-1]):
        env = gymnasium.make(task["id"], **task["kwargs"])
        assert env.unwrapped.task["name"] == task["name"]
        env.close()


def test_they_are_the_same_for_ever_and_fill_their_range() -> None:
    lengths, densities = many.lengths(), np.array(many.densities())
    assert lengths == many.lengths()
    assert min(lengths) >= many.LENGTH[0]
    assert max(lengths) <= many.LENGTH[1]
    middle = np.sqrt(many.LENGTH[0] * many.LENGTH[1])
    assert 35 <= sum(length < middle for length in lengths) <= 65  # the logarithm is uniform
    assert densities.min() >= many.DENSITY[0]
    assert densities.max() <= many.DENSITY[1]
    assert lengths[:3] == FIRST


FIRST = [1.07, 0.808, 0.562]
"""Runs of before are comparable only while the draws stay."""
