"""Generated weights that are given: exact, independent of what is left out, and able to go on learning."""

from __future__ import annotations

import pytest
import torch

from crl.checks.regression import loss_on, rows_of
from crl.continual.generators.hypercrl import HyperCRL
from crl.continual.refitting import refit
from crl.continual.strategy import Strategy
from crl.dynamics.network import TargetNetwork
from crl.errors import CrlError
from tests.crl.continual.trials import error, learn, strategy_of

NETWORK = TargetNetwork(2, [16], 2)


def learned(name: str, tasks: list[int], seed: int = 0) -> Strategy:
    strategy = strategy_of(name, seed=seed, network=NETWORK)
    for task in tasks:
        learn(strategy, task, 250)
    return strategy


def new(seed: int = 9) -> HyperCRL:
    strategy = strategy_of("hypercrl", seed=seed, network=NETWORK)
    assert isinstance(strategy, HyperCRL)
    return strategy


def few_shot(strategy: HyperCRL, task: int, steps: int = 200) -> float:
    """Least error on a task that adapting an embedding alone reaches, from every known one."""
    found = []
    for known in strategy.embeddings.values():
        embedding = known.detach().clone().requires_grad_()
        optimiser = torch.optim.Adam([embedding], lr=0.05)
        for step in range(steps):
            weights = strategy.hypernetwork.generate(strategy.parameters, embedding.unsqueeze(0))[0]
            loss = loss_on(strategy, task, rows_of(task, step, count=64))(weights)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        found.append(float(loss_on(strategy, task, rows_of(task, 999, count=256))(weights.detach())))
    return min(found)


def test_two_memories_become_one_that_has_all_of_both() -> None:
    first, second = learned("hypercrl", [0, 1]), learned("finetune_heads", [2, 3], seed=1)
    targets = {0: first.weights(0), 1: first.weights(1), 2: second.weights(2), 3: second.weights(3)}
    merged = new()
    assert refit(merged, targets) < 1e-5
    for task, weights in targets.items():
        torch.testing.assert_close(merged.weights(task), weights, atol=1e-5, rtol=1e-4)
        source = first if task < 2 else second
        assert error(merged, task) == pytest.approx(error(source, task), rel=1e-2, abs=1e-5)


def test_a_merged_memory_goes_on_learning_and_keeps_what_it_got() -> None:
    merged = new()
    source = learned("hypercrl", [0, 1])
    refit(merged, {0: source.weights(0), 1: source.weights(1)})
    before = error(merged, 0)
    merged.end_task(rows_of(1, 500, count=128))
    learn(merged, 2, 250)
    assert error(merged, 2) < 0.1
    assert error(merged, 0) < before + 0.1


def test_of_a_forgotten_task_no_more_is_left_than_in_a_memory_that_never_had_it() -> None:
    """Task 4 is the last and far from the others; what adapting an embedding recovers of it says what is left."""
    whole = learned("hypercrl", [0, 1, 4])
    never = learned("hypercrl", [0, 1])
    assert isinstance(whole, HyperCRL)
    left = new()
    refit(left, {task: whole.weights(task) for task in (0, 1)})
    unseen = new()
    refit(unseen, {task: never.weights(task) for task in (0, 1)})
    known, forgotten, fresh = few_shot(whole, 4), few_shot(left, 4), few_shot(unseen, 4)
    assert forgotten > 5 * known
    assert forgotten > 0.8 * fresh
    assert set(left.embeddings) == {0, 1}
    assert error(left, 0) == pytest.approx(error(whole, 0), rel=1e-2, abs=1e-5)


def test_only_what_is_left_enters() -> None:
    """Two memories that differ in the forgotten task alone become the same, to the bit."""
    kept = learned("single", [0, 1])
    results = []
    for forgotten in (2, 3):
        source = learned("single", [0, 1])
        learn(source, forgotten, 20)
        made = new()
        refit(made, {task: source.weights(task) for task in (0, 1)})
        results.append(made.parameters["head.weight"].detach().clone())
    assert torch.equal(kept.weights(0), source.weights(0))
    assert torch.equal(*results)


def test_more_tasks_than_features_are_refused() -> None:
    generator = torch.Generator().manual_seed(0)
    targets = {task: torch.randn(NETWORK.size, generator=generator) for task in range(12)}
    with pytest.raises(CrlError, match="8 units in its last hidden layer can't make the weights of 12 tasks"):
        refit(new(), targets)
