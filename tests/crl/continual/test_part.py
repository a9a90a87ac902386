"""What parts promise: their costs and bytes add up, their states of before are read, and they say what they are."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from crl.checks.regression import loss_on, rows_of
from crl.config.declared.compositions import compositions, elements
from crl.continual.memories.coreset import Coreset
from crl.continual.memories.memory import Memory
from crl.continual.part import Part
from crl.continual.penalties.ewc import EWC
from crl.plugins import import_path
from tests.crl.continual.trials import learn, network_of, part_of, strategy_of
from tests.crl.states import differences


def test_two_names_that_stand_for_one_strategy_are_it_to_the_bit() -> None:
    one, other = strategy_of("hypercrl_replay"), strategy_of("hypercrl+coreset")
    for strategy in (one, other):
        learn(strategy, 0, 10)
        learn(strategy, 1, 10, end=False)
    assert not differences(one.state_dict(), other.state_dict())


def test_costs_and_kept_bytes_add_up() -> None:
    ewc, replay, both = (strategy_of(name) for name in ("ewc", "coreset", "ewc+coreset"))
    for strategy in (ewc, replay, both):
        learn(strategy, 0, 30)
        learn(strategy, 1, 3, end=False)
    heads = 4 * both.network.head_size
    sizes = [strategy.storage().bytes_per_task for strategy in (ewc, replay, both)]
    assert sizes[2] == sizes[0] + sizes[1] - heads
    assert [strategy.storage().revisits_data for strategy in (ewc, replay, both)] == [False, True, True]

    host = network_of(both)
    memory: Memory[Any] = part_of(both, Coreset)
    state = both.generator.get_state()
    replayed = memory.replay()
    host.optimiser.zero()
    loss_on(both, 1, rows_of(1))(host.join(1)).backward()
    penalty = part_of(both, EWC).penalise()
    assert replayed is not None and penalty is not None
    both.generator.set_state(state)
    report = both.step(loss_on(both, 1, rows_of(1)))
    torch.testing.assert_close(report["retain"], replayed.detach() + penalty)


@pytest.mark.parametrize("name", sorted(compositions()))
def test_every_part_declares_what_it_is(name: str) -> None:
    for path in elements(name)[1:]:
        part = import_path(path, "part")
        assert issubclass(part, Part)
        assert part.HOSTS
        assert f".{part.KIND.value}." in path, "it lies in the folder of its kind"


def test_states_of_before_there_were_parts_are_read() -> None:
    original, restored = strategy_of("ewc"), strategy_of("ewc", seed=1)
    learn(original, 0, 10)
    learn(original, 1, 5, end=False)
    old = {key.removeprefix("ewc."): value for key, value in original.state_dict().items()}
    assert "protected" in old
    restored.load_state_dict(old)
    for strategy in (original, restored):
        learn(strategy, 1, 5, start=5)
    assert not differences(original.state_dict(), restored.state_dict())
