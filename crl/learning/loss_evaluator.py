"""Tells the loss of a strategy's weights on transitions of any task, and counts how many old rows are read."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from crl.continual.strategy import Strategy
from crl.dynamics.model import DynamicsModel, Normalisers
from crl.dynamics.windows import Windows
from crl.learning.computing import Computing


class TaskLossEvaluator:
    """The :class:`crl.continual.strategy.LossEvaluator` of an agent.

    Args:
        model: The dynamics model.
        normalisers: Normalisers of every task that has begun; kept by reference.
        strategy: Whose weights are evaluated.

    Attributes:
        computing: Computes the losses.
        old_rows: Rows evaluated so far (losses only): the current task's are never evaluated here, so all are old ones.
    """

    def __init__(self, model: DynamicsModel, normalisers: Mapping[int, Normalisers], strategy: Strategy) -> None:
        self._model = model
        self._normalisers = normalisers
        self._strategy = strategy
        self.computing = Computing()
        self.old_rows = 0

    @property
    def sizes(self) -> tuple[int, int]:
        """Sizes of an observation and of an action."""
        return self._model.features.size, self._model.actions

    def loss(self, task: int, weights: Tensor, rows: Windows) -> Tensor:
        """Mean loss of weights [P] on rows of a task; the number of rows is a multiple of the ensemble's."""
        self.old_rows += len(rows)
        network = self._strategy.network_of(task)
        return self.computing.loss(self._model, weights, self._normalisers[task], rows, network)

    def inputs(self, task: int, rows: Windows) -> Tensor:
        """What the target network reads in the first step of every window, normalised: [N, in]."""
        return self._model.inputs(self._normalisers[task], rows.observation, rows.actions[0])

    def targets(self, task: int, rows: Windows) -> Tensor:
        """The change in the first step of every window, normalised: [N, D]."""
        change = self._model.features.change(rows.observation, rows.next_observations[0])
        return change / self._normalisers[task].changes.std
