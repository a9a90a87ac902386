"""What learning and planning spend their time with, at one place, so that several runs can do it at once."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from crl.dynamics.model import DynamicsModel, Normalisers
from crl.dynamics.network import TargetNetwork
from crl.dynamics.task_model import TaskModel
from crl.dynamics.windows import Windows
from crl.planning.planner import Model


class Computing:
    """Computes at once what is asked for; another one may wait for other runs and compute for all of them."""

    def unrolling(self, model: TaskModel, unroll: Callable[[TaskModel], Model]) -> Model:
        """What a planner unrolls of a task's model.

        Args:
            model: The task's model.
            unroll: Makes what is unrolled of it.
        """
        return unroll(model)

    def loss(
        self, model: DynamicsModel, weights: Tensor, normalisers: Normalisers, windows: Windows, network: TargetNetwork
    ) -> Tensor:
        """Mean loss (scalar) of weights [P]; see :meth:`crl.dynamics.model.DynamicsModel.loss`."""
        return model.loss(weights, normalisers, windows, network)
