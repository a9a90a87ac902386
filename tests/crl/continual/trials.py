"""What the tests of single strategies share: one on small regression tasks, with its judge."""

from __future__ import annotations

from typing import Any, TypeVar

import torch

from crl.checks.regression import NETWORK, RegressionLossEvaluator, loss_on, rows_of
from crl.config import Config, HypernetworkConfig
from crl.continual.composable import Composable
from crl.continual.composing import make_strategy
from crl.continual.generators.shared import SharedNetwork
from crl.continual.part import Part
from crl.continual.strategy import Strategy
from crl.dynamics.network import TargetNetwork

PartT = TypeVar("PartT", bound=Part[Any])


def strategy_of(name: str, *, seed: int = 0, network: TargetNetwork = NETWORK, **changes: object) -> Strategy:
    """A strategy by name; changes go to ``continual`` or ``learning``, whichever has such a setting."""
    config = Config()
    config.continual.name = name
    config.dynamics.hypernetwork = HypernetworkConfig(embedding=3, hidden=[8])
    config.learning.lr = config.learning.lr_embedding = 1e-2
    config.learning.batch = 16
    for key, value in changes.items():
        setattr(config.continual if hasattr(config.continual, key) else config.learning, key, value)
    strategy = make_strategy(config, network, torch.Generator().manual_seed(seed))
    strategy.evaluator = RegressionLossEvaluator(strategy)
    return strategy


def part_of(strategy: Strategy, kind: type[PartT]) -> PartT:
    """The part of a kind that a strategy has."""
    assert isinstance(strategy, Composable)
    (found,) = (part for part in strategy.parts if isinstance(part, kind))
    return found


def network_of(strategy: Strategy) -> SharedNetwork:
    """The strategy as one network for all tasks."""
    assert isinstance(strategy, SharedNetwork)
    return strategy


def learn(strategy: Strategy, task: int, steps: int, *, start: int = 0, end: bool = True, rows: int = 128) -> None:
    """Begin a task, take steps, and end it."""
    strategy.begin_task(task)
    for step in range(start, start + steps):
        strategy.step(loss_on(strategy, task, rows_of(task, step)))
    if end:
        strategy.end_task(rows_of(task, 500, count=rows))


def error(strategy: Strategy, task: int) -> float:
    """Mean squared error of a task's weights on rows of its own."""
    return float(loss_on(strategy, task, rows_of(task, 999, count=256))(strategy.weights(task)))
