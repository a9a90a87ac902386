"""Generative kernels: the dual solution is ridge regression, and heads that are solved for keep earlier tasks."""

from __future__ import annotations

import pytest
import torch

from crl.continual.memories.answers.generative_kernel import solve
from crl.dynamics.network import TargetNetwork
from crl.errors import SettingsError
from tests.crl.continual.trials import error, learn, network_of, strategy_of
from tests.crl.states import bits

NETWORK = TargetNetwork(2, [16], 2, ensemble=2)


def test_the_kernel_form_is_ridge_regression() -> None:
    source = torch.Generator().manual_seed(0)
    features = torch.randn(2, 30, 5, generator=source, dtype=torch.float64)
    targets = torch.randn(2, 30, 3, generator=source, dtype=torch.float64)
    found = solve(features, targets, 0.01)
    for member in range(2):
        phi, y = features[member], targets[member]
        plain = torch.linalg.inv(phi.T @ phi + 0.01 * 30 * torch.eye(5, dtype=torch.float64)) @ phi.T @ y
        torch.testing.assert_close(found[member], plain)


def test_heads_that_are_solved_for_keep_earlier_tasks() -> None:
    lost = {}
    for name in ("finetune_heads", "generative_kernel"):
        strategy = strategy_of(name, network=NETWORK)
        learn(strategy, 0, 200)
        before = error(strategy, 0)
        learn(strategy, 2, 150)
        lost[name] = error(strategy, 0) - before
        assert error(strategy, 2) < 0.3
    assert lost["generative_kernel"] < 0.3 * lost["finetune_heads"]


def test_a_trunk_that_did_not_move_gives_the_same_answers() -> None:
    strategy = strategy_of("generative_kernel", network=NETWORK, options={"generative_kernel_ridge": 1e-8})
    learn(strategy, 0, 100)
    learned, head = error(strategy, 0), bits(network_of(strategy).heads[0])
    strategy.begin_task(1)
    strategy.scale_lr(0.0)
    learn(strategy, 1, 0)
    assert bits(network_of(strategy).heads[0]) != head
    assert error(strategy, 0) == pytest.approx(learned, rel=0.02)


def test_one_head_for_all_tasks_is_refused() -> None:
    with pytest.raises(SettingsError, match="of tasks, and with"):
        strategy_of("generative_kernel", heads="shared")
