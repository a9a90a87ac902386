"""Stacked layers: old outputs stay exactly, a new one starts as the first task's function, and it learns."""

from __future__ import annotations

import torch

from crl.checks.regression import rows_of
from crl.continual.generators.grown import Grown
from crl.dynamics.network import TargetNetwork
from tests.crl.continual.trials import error, learn, strategy_of
from tests.crl.states import bits


def grown(activation: str) -> Grown:
    strategy = strategy_of("grown", network=TargetNetwork(2, [8], 2, activation=activation, ensemble=2))
    assert isinstance(strategy, Grown)
    return strategy


def test_old_outputs_stay_to_the_bit() -> None:
    strategy, kept = grown("silu"), []
    for task in (3, 0, 2):
        learn(strategy, task, 20)
        kept.append(bits(strategy.weights(task)))
        assert [bits(strategy.weights(known)) for known in (3, 0, 2)[: len(kept)]] == kept
    learn(strategy, 3, 20)  # the first one comes back: its head alone learns
    assert [bits(strategy.weights(known)) for known in (0, 2)] == kept[1:]
    assert bits(strategy.weights(3)) != kept[0]


def test_a_stack_starts_as_the_first_tasks_function_and_learns() -> None:
    strategy = grown("relu")
    learn(strategy, 0, 60)
    inputs = rows_of(0, 5).observation.unsqueeze(0)
    base = strategy.network_of(0).forward(strategy.weights(0), inputs)
    strategy.begin_task(2)
    assert len(strategy.network_of(2).layers) == len(strategy.network.layers) + 1
    torch.testing.assert_close(strategy.network_of(2).forward(strategy.weights(2), inputs), base)
    before = error(strategy, 2)
    learn(strategy, 2, 150, end=False)
    assert error(strategy, 2) < 0.5 * before


def test_a_new_task_may_start_as_the_nearest_one() -> None:
    strategy = grown("silu")
    for task in (0, 1):
        learn(strategy, task, 10)
    strategy.begin_task(2)
    strategy.start_like(2, 1)
    assert bits(strategy.weights(2)) == bits(strategy.weights(1))
    strategy.begin_task(3)
    strategy.start_like(3, 0)  # which has no stack
    assert bits(strategy.stacks[3]) == bits(strategy.fresh_stack())
