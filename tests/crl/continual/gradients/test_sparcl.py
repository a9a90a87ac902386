"""SparCL: the network stays sparse, only few connections learn, and what is dropped is what counts least."""

from __future__ import annotations

import torch

from crl.continual.gradients.sparcl import SparCL
from crl.dynamics.network import TargetNetwork
from tests.crl.continual.trials import error, learn, network_of, part_of, strategy_of

NETWORK = TargetNetwork(2, [16, 16], 2)


def test_the_network_stays_sparse_and_few_connections_learn() -> None:
    options = {"sparcl_density": 0.4, "sparcl_learning": 0.5, "sparcl_every": 5}
    strategy = strategy_of("sparcl", network=NETWORK, average=0.0, options=options)
    host, part = network_of(strategy), part_of(strategy, SparCL)
    for task in (0, 1):
        learn(strategy, task, 5, end=False)
        for matrix in part.matrices:
            assert int(part.mask[matrix].sum()) == part.count(matrix) == round(0.4 * len(matrix))
            assert int(part.learns[matrix].sum()) == round(0.5 * part.count(matrix))
        before = host.trunk.detach().clone()
        learn(strategy, task, 0)
        strategy.step(lambda weights: weights.square().sum())
        assert not bool(host.trunk[~part.mask].any())
        assert not bool((host.trunk.detach() != before)[~part.learns].any())


def test_a_new_task_begins_with_more_connections_until_they_are_weighed() -> None:
    strategy = strategy_of("sparcl", network=NETWORK, average=0.0, options={"sparcl_moved": 0.25, "sparcl_every": 10})
    part = part_of(strategy, SparCL)
    learn(strategy, 0, 10)
    strategy.begin_task(1)
    (_, middle) = part.matrices
    assert int(part.mask[middle].sum()) == part.count(middle) + int(0.25 * part.count(middle))
    learn(strategy, 1, 10, end=False)
    assert int(part.mask[middle].sum()) == part.count(middle)


def test_what_is_dropped_counts_least() -> None:
    strategy = strategy_of("sparcl", network=NETWORK, options={"sparcl_moved": 0.2, "sparcl_gradient": 2.0})
    host, part = network_of(strategy), part_of(strategy, SparCL)
    strategy.begin_task(0)
    strategy.step(lambda weights: (weights * torch.linspace(-1, 1, len(weights))).sum())
    importance = host.trunk.detach().abs() + 2.0 * part._gradient
    before = part.mask.clone()
    part.weigh()
    for matrix in part.matrices:
        dropped, kept = before[matrix] & ~part.mask[matrix], before[matrix] & part.mask[matrix]
        assert int(dropped.sum()) == int(0.2 * part.count(matrix))
        assert float(importance[matrix][dropped].max()) <= float(importance[matrix][kept].min())


def test_it_learns() -> None:
    strategy = strategy_of("sparcl", network=NETWORK)
    strategy.begin_task(2)
    before = error(strategy, 2)
    learn(strategy, 2, 200)
    assert error(strategy, 2) < 0.4 * before
