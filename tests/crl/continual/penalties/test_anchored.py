"""L2, memory aware synapses and L2 towards the initial weights: the penalty's mathematics, and what it holds."""

from __future__ import annotations

import pytest
import torch

from crl.continual.penalties.anchored import Anchored
from crl.continual.penalties.mas import sensitivity
from crl.dynamics.network import TargetNetwork
from crl.errors import SettingsError
from tests.crl.continual.trials import error, learn, network_of, part_of, strategy_of

NAMES = ["l2", "mas", "l2_init"]


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_the_penalty(name: str) -> None:
    strategy = strategy_of(name, options={f"{name}_strength": 0.7})
    learn(strategy, 0, 10)
    learn(strategy, 1, 5, end=False)
    part: Anchored = part_of(strategy, Anchored)
    host = network_of(strategy)
    trunk = host.trunk.detach().clone().requires_grad_()
    value = 0.7 * (part.importance * (trunk - part.anchor).square()).sum()
    value.backward()
    host.trunk.grad = torch.zeros_like(trunk)
    cost = part.penalise()
    assert cost is not None and trunk.grad is not None
    torch.testing.assert_close(cost, value.detach())
    torch.testing.assert_close(host.trunk.grad, trunk.grad)


def test_sensitivity_is_the_mean_size_of_each_derivative() -> None:
    network = TargetNetwork(2, [3], 2)
    weights, inputs = network.initial(torch.Generator().manual_seed(0)), torch.randn(40, 2)
    slow = torch.zeros_like(weights)
    for row in inputs:
        leaf = weights.clone().requires_grad_()
        network.forward(leaf, row.view(1, 1, 2)).square().sum().backward()
        assert leaf.grad is not None
        slow += leaf.grad.abs() / len(inputs)
    torch.testing.assert_close(sensitivity(network, weights, inputs), slow)


@pytest.mark.parametrize("name", ["l2", "mas"])
def test_a_stronger_penalty_keeps_more(name: str) -> None:
    lost = []
    for strength in (0.0, 1.0):
        strategy = strategy_of(name, options={f"{name}_strength": strength})
        learn(strategy, 0, 200)
        before = error(strategy, 0)
        learn(strategy, 2, 200)
        lost.append(error(strategy, 0) - before)
    assert lost[1] < 0.5 * lost[0]


def test_weights_that_the_loss_does_not_need_go_back_to_the_initial_ones() -> None:
    strategy = strategy_of("l2_init", options={"l2_init_strength": 1.0})
    part: Anchored = part_of(strategy, Anchored)
    initial = network_of(strategy).trunk.detach().clone()
    torch.testing.assert_close(part.anchor, initial)
    learn(strategy, 0, 100)
    away = float((network_of(strategy).trunk.detach() - initial).norm())
    strategy.begin_task(1)
    for _ in range(200):
        strategy.step(lambda weights: 0.0 * weights.sum())
    assert float((network_of(strategy).trunk.detach() - initial).norm()) < 0.1 * away


@pytest.mark.parametrize("name", NAMES)
def test_a_negative_strength_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="at least 0"):
        strategy_of(name, options={f"{name}_strength": -1.0})
