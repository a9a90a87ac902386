"""Re-warming: the rate rises anew with every task."""

from __future__ import annotations

import pytest

from crl.checks.regression import loss_on, rows_of
from crl.continual.schedules.rewarm import Rewarm
from tests.crl.continual.trials import network_of, part_of, strategy_of


def test_the_rate_rises_to_its_height_and_falls_back_with_a_task() -> None:
    strategy = strategy_of("rewarm", options={"rewarm_steps": 4, "rewarm_height": 2.0})
    host = network_of(strategy)
    for task in (0, 1):
        strategy.begin_task(task)
        strategy.scale_lr(0.5)
        rates = []
        for step in range(6):
            strategy.step(loss_on(strategy, task, rows_of(task, step)))
            rates.append(host.optimiser.factor)
        assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0])
        strategy.end_task(rows_of(task))
    assert part_of(strategy, Rewarm).steps == 6
