"""ClonEx: what is kept, the cost of another answer, and that it keeps old tasks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from crl.continual.memories.clonex import ClonEx
from tests.crl.continual.trials import error, learn, network_of, part_of, strategy_of


def test_answers_are_those_of_the_end_of_the_task_and_cost_nothing_then() -> None:
    strategy = strategy_of("clonex", memory=20)
    learn(strategy, 0, 50)
    part: ClonEx[Any] = part_of(strategy, ClonEx)
    kept = part.kept[0].observation.unsqueeze(0)
    torch.testing.assert_close(part.outputs[0], strategy.network.forward(strategy.weights(0), kept))
    strategy.begin_task(1)
    cost = part.replay()
    assert cost is not None and float(cost.detach()) < 1e-10
    with torch.no_grad():
        network_of(strategy).trunk += 0.1
    cost = part.replay()
    assert cost is not None and float(cost.detach()) > 1e-5


@pytest.mark.parametrize("name", ["clonex", "hypercrl+clonex"])
def test_it_keeps_what_is_lost_without_it(name: str) -> None:
    lost = []
    for weight in (0.0, 3.0):
        strategy = strategy_of(name, replay_weight=weight, beta=1e-6)
        learn(strategy, 0, 200)
        before = error(strategy, 0)
        learn(strategy, 2, 200)
        lost.append(error(strategy, 0) - before)
    assert lost[1] < 0.5 * lost[0]
