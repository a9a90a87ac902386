"""Synaptic intelligence: the path integral is what the loss fell by, and holds what mattered."""

from __future__ import annotations

import pytest
import torch

from crl.checks.regression import loss_on, rows_of
from crl.continual.penalties.si import SI, XI
from tests.crl.continual.trials import error, learn, network_of, part_of, strategy_of


@pytest.mark.parametrize("heads", ["shared"])
def test_the_path_adds_up_to_the_decrease_of_the_loss(heads: str) -> None:
    strategy = network_of(strategy_of("si", heads=heads, lr=1e-4, clip=1e9))
    si = part_of(strategy, SI)
    strategy.begin_task(0)
    loss = loss_on(strategy, 0, rows_of(0, count=64))  # always the same rows: the loss is one function
    first = float(loss(strategy.weights(0)))
    for _ in range(1500):
        strategy.step(loss)
    fell = first - float(loss(strategy.weights(0)))
    assert fell > 0.1
    assert float(si.path.sum()) == pytest.approx(fell, rel=0.02)


def test_importance_is_the_path_over_the_squared_change() -> None:
    strategy = network_of(strategy_of("si"))
    si = part_of(strategy, SI)
    learn(strategy, 0, 40, end=False)
    start, path = si.start.clone(), si.path.clone()
    strategy.end_task(rows_of(0))
    change = strategy.trunk.detach() - start
    torch.testing.assert_close(si.importance, path.clamp(min=0) / (change**2 + XI))
    assert float(si.importance.max()) > 0


def test_the_penalty_is_quadratic_around_the_last_task() -> None:
    strategy = network_of(strategy_of("si", si_c=3.0))
    si = part_of(strategy, SI)
    learn(strategy, 0, 40)
    strategy.begin_task(1)
    with torch.no_grad():
        strategy.trunk += 0.1
    leaf = strategy.trunk.detach().clone().requires_grad_()
    penalty = 3.0 * (si.importance * (leaf - si.anchor).square()).sum()
    penalty.backward()
    loss_on(strategy, 1, rows_of(1))(strategy.join(1)).backward()
    plain = strategy.trunk.grad.clone()
    value = si.penalise()
    torch.testing.assert_close(strategy.trunk.grad - plain, leaf.grad, rtol=1e-4, atol=1e-6)
    assert float(value) == pytest.approx(float(penalty.detach()), rel=1e-5)


def test_it_forgets_less_the_stronger_it_is() -> None:
    lost = {}
    for strength in (0.0, 10.0, 1e6):
        strategy = strategy_of("si", si_c=strength)
        learn(strategy, 0, 300)
        before = error(strategy, 0)
        learn(strategy, 2, 300)
        lost[strength] = error(strategy, 0) - before
    assert lost[10.0] < 0.5 * lost[0.0]
    assert lost[1e6] < 0.1 * lost[0.0]
