"""PackNet: every weight has one owner, nobody touches another task's, and the share that is kept."""

from __future__ import annotations

import pytest

from crl.continual.generators.packnet import PackNet
from crl.dynamics.network import TargetNetwork
from crl.errors import SettingsError
from tests.crl.continual.trials import error, learn, strategy_of
from tests.crl.states import bits

NETWORK = TargetNetwork(2, [24, 24], 2)


def packnet(**options: float) -> PackNet:
    strategy = strategy_of("packnet", network=NETWORK, options=options)
    assert isinstance(strategy, PackNet)
    return strategy


def test_earlier_tasks_keep_their_weights_to_the_bit() -> None:
    strategy = packnet(packnet_steps=200)
    kept = []
    for task in range(3):
        learn(strategy, task, 200)
        kept.append(bits(strategy.weights(task)))
        assert [bits(strategy.weights(index)) for index in range(task + 1)] == kept
    learn(strategy, 0, 20)  # a task that comes back: its head alone
    assert [bits(strategy.weights(index)) for index in (1, 2)] == kept[1:]


def test_the_largest_free_weights_are_kept_and_the_rest_is_zero() -> None:
    strategy = packnet(packnet_keep=0.25, packnet_steps=0)
    strategy.begin_task(0)
    learn(strategy, 0, 50, end=False)
    before = strategy.trunk.detach().clone()
    learn(strategy, 0, 0)
    size = NETWORK.tensor_sizes[0]
    mine = strategy.owner[:size] == 1
    assert int(mine.sum()) == -(-size // 4)
    assert float(before[:size][mine].abs().min()) >= float(before[:size][~mine].abs().max())
    assert not bool(strategy.trunk[strategy.owner == 0].any())
    learn(strategy, 1, 10)
    free = size - int(mine.sum())
    assert int((strategy.owner[:size] == 2).sum()) == -(-free // 4)


def test_training_after_pruning_makes_up_for_it() -> None:
    errors = []
    for steps in (0, 300):
        strategy = packnet(packnet_steps=steps, packnet_keep=0.3)
        learn(strategy, 0, 300)
        errors.append(error(strategy, 0))
    assert errors[1] < 0.5 * errors[0]


def test_later_tasks_learn_in_what_is_free() -> None:
    strategy = packnet(packnet_steps=200)
    start = []
    for task in range(3):
        strategy.begin_task(task)
        start.append(error(strategy, task))
        learn(strategy, task, 250)
        assert error(strategy, task) < 0.4 * start[-1]


def test_shares_that_mean_nothing_are_refused() -> None:
    with pytest.raises(SettingsError, match="packnet_keep is 0"):
        packnet(packnet_keep=0.0)
