"""Adaptation by the embedding alone: the hypernetwork rests after the first tasks, and nothing is forgotten."""

from __future__ import annotations

import pytest

from crl.continual.generators.hypercrl import HyperCRL
from crl.errors import CrlError
from tests.crl.continual.trials import error, learn, strategy_of
from tests.crl.states import bits


def test_later_tasks_learn_their_embedding_alone() -> None:
    strategy = strategy_of("few_shot", options={"few_shot_tasks": 2})
    assert isinstance(strategy, HyperCRL)
    for task in (0, 4):
        learn(strategy, task, 40)
    kept = [bits(strategy.weights(task)) for task in (0, 4)]
    theta = {name: bits(value) for name, value in strategy.parameters.items()}
    strategy.begin_task(2)
    before = error(strategy, 2)
    learn(strategy, 2, 80)
    assert {name: bits(value) for name, value in strategy.parameters.items()} == theta
    assert [bits(strategy.weights(task)) for task in (0, 4)] == kept
    assert error(strategy, 2) < before
    learn(strategy, 4, 5)  # one of the first that comes back teaches again
    assert {name: bits(value) for name, value in strategy.parameters.items()} != theta


def test_it_needs_a_hypernetwork() -> None:
    with pytest.raises(CrlError, match="few_shot does not fit"):
        strategy_of("ewc+few_shot")
