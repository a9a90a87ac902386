"""Small regression tasks on which retention strategies are tried: y = (sin(x_0 + task), (task - 1) x_1)."""

from __future__ import annotations

import torch
from torch import Tensor

from crl.continual.strategy import Loss, Strategy
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows

NETWORK = TargetNetwork(2, [6], 2)
"""The target network of the trials."""


def rows_of(task: int, step: int = 0, count: int = 16) -> Windows:
    """Rows of a task: x as observation [N, 2], y as next observation [1, N, 2], and no action [1, N, 0]."""
    x = torch.randn(count, 2, generator=torch.Generator().manual_seed(1000 * task + step))
    y = torch.stack([torch.sin(x[:, 0] + task), (task - 1) * x[:, 1]], dim=-1)
    return Windows(x, x.new_empty(1, count, 0), y.unsqueeze(0))


def loss_on(strategy: Strategy, task: int, rows: Windows) -> Loss:
    """Mean squared error on rows, as a function of the target weights that the strategy makes for a task."""
    network = strategy.network_of(task)
    target = rows.next_observations

    def loss(weights: Tensor) -> Tensor:
        return (network.forward(weights, rows.observation.unsqueeze(0)) - target).square().mean()

    return loss


class RegressionLossEvaluator:
    """The :class:`crl.continual.strategy.LossEvaluator` of these tasks.

    Args:
        strategy: Whose weights are judged.
    """

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.old_rows = 0

    @property
    def sizes(self) -> tuple[int, int]:
        """Sizes of an observation and of an action."""
        return 2, 0

    def loss(self, task: int, weights: Tensor, rows: Windows) -> Tensor:
        """Mean squared error of weights on rows of a task."""
        self.old_rows += len(rows)
        return loss_on(self.strategy, task, rows)(weights)

    def inputs(self, task: int, rows: Windows) -> Tensor:
        """What the network reads: x, [N, 2]."""
        del task
        return rows.observation

    def targets(self, task: int, rows: Windows) -> Tensor:
        """What it should say: y, [N, 2]."""
        del task
        return rows.next_observations[0]
