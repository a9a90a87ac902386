"""Dynamic sparse training: shares, owners, and connections that move."""

from __future__ import annotations

import pytest
import torch

from crl.continual.generators.sparse import Sparse
from crl.dynamics.network import TargetNetwork
from crl.errors import SettingsError
from tests.crl.continual.trials import error, learn, strategy_of
from tests.crl.states import bits

NETWORK = TargetNetwork(2, [24, 24], 2)


def sparse(**options: float | str) -> Sparse:
    strategy = strategy_of("sparse", network=NETWORK, options=options)
    assert isinstance(strategy, Sparse)
    return strategy


def test_nobody_touches_another_tasks_weights() -> None:
    strategy, kept = sparse(sparse_every=10), []
    for task in range(3):
        learn(strategy, task, 45)
        kept.append(bits(strategy.weights(task)))
        assert [bits(strategy.weights(known)) for known in range(task + 1)] == kept
    learn(strategy, 0, 20)  # a task that comes back: its head alone
    assert [bits(strategy.weights(known)) for known in (1, 2)] == kept[1:]


@pytest.mark.parametrize(("start", "density"), [("er", 0.2), ("er", 0.4), ("uniform", 0.2)])
def test_a_task_begins_with_the_share_that_was_asked_for(start: str, density: float) -> None:
    strategy = sparse(sparse_density=density, sparse_start=start)
    strategy.begin_task(0)
    shares = [float(strategy.mine[matrix].float().mean()) for matrix in strategy.matrices]
    total = sum(int(strategy.mine[matrix].sum()) for matrix in strategy.matrices)
    assert total == pytest.approx(density * (2 * 24 + 24 * 24), abs=2)
    assert (shares[0] > 2 * shares[1]) is (start == "er")
    biases = torch.ones_like(strategy.mine)
    biases[torch.cat(strategy.matrices)] = False
    assert bool(strategy.mine[biases].all())


def test_the_smallest_connections_move_and_their_number_stays() -> None:
    strategy = sparse(sparse_every=6, sparse_moved=0.25, sparse_density=0.2)
    learn(strategy, 0, 5, end=False)
    before, trunk = strategy.mine.clone(), strategy.trunk.detach().clone()
    learn(strategy, 0, 1, start=5, end=False)
    assert int(strategy.mine.sum()) == int(before.sum())
    for matrix in strategy.matrices:
        dropped = before[matrix] & ~strategy.mine[matrix]
        stayed = before[matrix] & strategy.mine[matrix]
        mine = int(before[matrix].sum())
        assert int(dropped.sum()) == min(int(0.25 * mine), len(matrix) - mine) > 0
        assert float(trunk[matrix][dropped].abs().max()) <= float(trunk[matrix][stayed].abs().min()) + 0.02  # one step
    grown = strategy.mine & ~before
    assert not bool(strategy.trunk[grown].any())
    learn(strategy, 0, 3, end=False)
    assert bool((strategy.trunk[grown] != 0).any())


def test_it_learns_with_few_connections() -> None:
    strategy = sparse(sparse_density=0.15)
    for task in (0, 2):
        strategy.begin_task(task)
        before = error(strategy, task)
        learn(strategy, task, 200)
        assert error(strategy, task) < 0.4 * before
        assert float((strategy.weights(task)[: len(strategy.trunk)] != 0).float().mean()) < 0.5


def test_shares_that_mean_nothing_are_refused() -> None:
    for wrong in ({"sparse_density": 0.0}, {"sparse_start": "dense"}, {"sparse_moved": 1.0}, {"sparse_every": 0}):
        with pytest.raises(SettingsError, match=r"sparse_\w+(=| is)"):
            sparse(**wrong)
    assert isinstance(sparse().weights(0), torch.Tensor)
