"""EWC: the folded penalty is the sum over tasks, and holds what the predictions depend on."""

from __future__ import annotations

import pytest
import torch

from crl.checks.regression import loss_on, rows_of
from crl.continual.penalties.ewc import EWC
from tests.crl.continual.trials import error, learn, network_of, part_of, strategy_of
from tests.crl.states import bits


@pytest.mark.parametrize("heads", ["task", "shared"])
def test_the_penalty_is_the_sum_over_tasks(heads: str) -> None:
    strategy = network_of(strategy_of("ewc", heads=heads, ewc_lambda=7.0))
    ewc = part_of(strategy, EWC)
    for task in range(3):
        learn(strategy, task, 20)
    strategy.begin_task(3)
    loss = loss_on(strategy, 3, rows_of(3))
    with torch.no_grad():
        strategy.trunk += 0.1 * torch.randn(len(strategy.trunk), generator=torch.Generator().manual_seed(0))
    leaf = strategy.trunk.detach().clone().requires_grad_()
    penalty = sum(
        3.5 * (fisher * (leaf - trunk).square()).sum() for fisher, trunk in (kept for kept in ewc.protected.values())
    )
    penalty.backward()
    strategy.optimiser.zero()
    loss(strategy.join(3)).backward()
    plain = strategy.trunk.grad.clone()
    ewc.penalise()
    torch.testing.assert_close(strategy.trunk.grad - plain, leaf.grad, rtol=1e-4, atol=1e-5)


def test_it_forgets_less_than_finetune_and_learns_less_the_stronger_it_is() -> None:
    lost, learned = {}, {}
    for strength in (0.0, 100.0, 1e7):
        strategy = strategy_of("ewc", ewc_lambda=strength)
        learn(strategy, 0, 300)
        before = error(strategy, 0)
        learn(strategy, 2, 300)
        lost[strength], learned[strength] = error(strategy, 0) - before, error(strategy, 2)
    assert lost[100.0] < 0.3 * lost[0.0]
    assert abs(lost[1e7]) < 0.02
    assert learned[0.0] < learned[1e7]


def test_without_strength_it_is_finetuning_with_heads() -> None:
    strategy = strategy_of("ewc", ewc_lambda=0.0)
    learn(strategy, 0, 30)
    strategy.begin_task(1)
    assert "retain" not in strategy.step(loss_on(strategy, 1, rows_of(1)))


def test_every_task_has_its_head_unless_they_share_one() -> None:
    own, shared = (strategy_of("ewc", heads=heads) for heads in ("task", "shared"))
    for strategy in (own, shared):
        learn(strategy, 0, 20)
        learn(strategy, 1, 20)
    head = own.network.head_size
    assert bits(own.weights(0)[:-head]) == bits(own.weights(1)[:-head])
    assert bits(own.weights(0)[-head:]) != bits(own.weights(1)[-head:])
    assert bits(shared.weights(0)) == bits(shared.weights(1))


def test_a_new_head_starts_as_the_last_one() -> None:
    strategy = strategy_of("ewc")
    learn(strategy, 0, 20)
    learn(strategy, 1, 20)
    strategy.begin_task(2)
    assert bits(strategy.weights(2)) == bits(strategy.weights(1))
    strategy.begin_task(0)
    assert bits(strategy.weights(0)[-strategy.network.head_size :]) != bits(
        strategy.weights(1)[-strategy.network.head_size :]
    )


def test_a_task_that_comes_back_is_not_held_by_itself() -> None:
    strategy = strategy_of("ewc", ewc_lambda=1e7)
    learn(strategy, 0, 20)
    strategy.begin_task(0)
    assert "retain" not in strategy.step(loss_on(strategy, 0, rows_of(0)))
    learn(strategy, 1, 20)
    strategy.begin_task(0)
    assert "retain" in strategy.step(loss_on(strategy, 0, rows_of(0)))
