"""Replay: what is kept, what is looked at, and that it keeps old tasks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from crl.checks.regression import RegressionLossEvaluator, loss_on, rows_of
from crl.continual.memories.memory import Memory
from crl.dynamics.windows import Windows
from tests.crl.continual.trials import error, learn, part_of, strategy_of
from tests.crl.states import bits


class Listening(RegressionLossEvaluator):
    """Remembers what it was asked to evaluator."""

    def loss(self, task: int, weights: torch.Tensor, rows: Windows) -> torch.Tensor:
        self.asked = [*getattr(self, "asked", []), (task, rows)]
        return super().loss(task, weights, rows)


def test_it_keeps_rows_of_the_task_as_many_as_are_asked_for() -> None:
    strategy = strategy_of("coreset", memory=20)
    memory: Memory[Any] = part_of(strategy, Memory)
    learn(strategy, 0, 5, rows=64)
    kept = memory.kept[0]
    assert len(kept) == 20
    all_rows = {bits(x) for x in rows_of(0, 500, count=64).observation}
    assert {bits(x) for x in kept.observation} <= all_rows
    assert len({bits(x) for x in kept.observation}) == 20, "different ones"
    learn(strategy, 1, 5, rows=12)
    assert len(memory.kept[1]) == 12, "no more than there are"


def test_multitask_keeps_everything() -> None:
    strategy = strategy_of("multitask", memory=3)
    memory: Memory[Any] = part_of(strategy, Memory)
    learn(strategy, 0, 5, rows=200)
    assert len(memory.kept[0]) == 200


@pytest.mark.parametrize("name", ["coreset", "multitask", "hypercrl_replay"])
def test_only_kept_rows_of_earlier_tasks_are_replayed(name: str) -> None:
    strategy = strategy_of(name, memory=20)
    strategy.evaluator = evaluator = Listening(strategy)
    memory: Memory[Any] = part_of(strategy, Memory)
    learn(strategy, 0, 5)
    assert not hasattr(evaluator, "asked"), "there is no earlier task"
    learn(strategy, 1, 5)
    strategy.begin_task(2)
    before = len(evaluator.asked)
    for step in range(60):
        strategy.step(loss_on(strategy, 2, rows_of(2, step)))
    asked = evaluator.asked[before:]
    assert len(asked) == 60, "one batch a step"
    assert {task for task, _ in asked} == {0, 1}
    for task, rows in asked:
        kept = {bits(x) for x in memory.kept[task].observation}
        assert {bits(x) for x in rows.observation} <= kept
    strategy.begin_task(0)
    before = len(evaluator.asked)
    for step in range(20):
        strategy.step(loss_on(strategy, 0, rows_of(0, step)))
    assert {task for task, _ in evaluator.asked[before:]} <= {1, 2}, "not those of the task that came back"


@pytest.mark.parametrize("name", ["coreset", "multitask"])
def test_it_keeps_the_old_task_where_finetune_loses_it(name: str) -> None:
    lost = {}
    for method in (name, "finetune"):
        strategy = strategy_of(method, memory=100)
        learn(strategy, 0, 300)
        before = error(strategy, 0)
        learn(strategy, 2, 300)
        lost[method] = error(strategy, 0) - before
    assert lost[name] < 0.1 * lost["finetune"]


def test_without_weight_nothing_is_replayed() -> None:
    strategy = strategy_of("coreset", replay_weight=0.0)
    learn(strategy, 0, 5)
    learn(strategy, 1, 5)
    assert isinstance(strategy.evaluator, RegressionLossEvaluator)
    assert strategy.evaluator.old_rows == 0


def test_replay_adds_the_loss_on_old_rows_to_hypercrls_regulariser() -> None:
    strategy = strategy_of("hypercrl_replay", memory=1, replay_weight=2.0, beta=0.0)
    learn(strategy, 0, 10)
    strategy.begin_task(1)
    # beta = 0 switches HyperCRL's regulariser off, and with it what is computed for earlier tasks.
    assert "retain" not in strategy.step(loss_on(strategy, 1, rows_of(1)))
    strategy.config.continual.beta = 1e-12
    strategy.begin_task(1)
    report = strategy.step(loss_on(strategy, 1, rows_of(1)))
    assert float(report["retain"]) > 1e-9, "the loss on old rows is there whatever beta is"
