"""Elastic weight consolidation: Kirkpatrick et al., PNAS 2017 (arXiv 1612.00796), equation 3.

The loss of the current task gets the penalty ewc_lambda / 2 * sum_j sum_i F_ji (theta_i - theta*_ji)^2 over the
finished tasks j, with the diagonal Fisher information F_j at the end of task j (:mod:`crl.continual.fisher`).
Deviations: only the trunk is penalised where tasks have heads of their own; the sum over tasks is folded into two
vectors when a task begins, so a step costs the same for any number of tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.config.components import STRATEGIES
from crl.continual.fisher import diagonal_fisher
from crl.continual.shared import SharedNetwork
from crl.continual.strategy import Storage
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class EWC(SharedNetwork):
    """A quadratic penalty on changes of what earlier tasks' predictions depend on.

    Attributes:
        protected: For every finished task: its Fisher information and its trunk, [2, trunk].
    """

    SETTINGS = STRATEGIES["ewc"]

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        self.protected: dict[int, Tensor] = {}
        super().__init__(config, network, generator, device)

    def begin_task(self, task: int) -> None:
        """Fold the penalties of all other tasks."""
        super().begin_task(task)
        self._fold()

    def _fold(self) -> None:
        # sum_j F_j (x - x_j)^2 = F (x - x0)^2 + const, with F = sum_j F_j and x0 = sum_j F_j x_j / F: two vectors.
        others = [kept for index, kept in self.protected.items() if index != self.task]
        self._fisher: Tensor | None = None
        if others and self.config.continual.ewc_lambda > 0:
            self._fisher = torch.stack([kept[0] for kept in others]).sum(dim=0)
            pull = torch.stack([kept[0] * kept[1] for kept in others]).sum(dim=0)
            self._centre = torch.where(self._fisher > 0, pull / self._fisher, self.trunk.detach())

    def retain(self) -> Tensor | None:
        """Add the penalty's gradient to the trunk's."""
        if self._fisher is None or self.trunk.grad is None:
            return None
        strength = self.config.continual.ewc_lambda
        away = self.trunk.detach() - self._centre
        pull = strength * self._fisher * away
        self.trunk.grad += pull
        return 0.5 * (pull * away).sum()

    def end_task(self, rows: Windows) -> None:
        """Measure the Fisher information on some of the task's transitions."""
        super().end_task(rows)
        inputs = self.judge.inputs(self.task, rows.choose(self.config.continual.fisher_rows, self.generator))
        with torch.no_grad():
            fisher = diagonal_fisher(self.network, self.join(self.task).detach(), inputs, self.generator)
        self.protected[self.task] = torch.stack([fisher[: len(self.trunk)], self.trunk.detach()])

    def storage(self) -> Storage:
        """Fisher information and trunk of every task, and its head."""
        return Storage(bytes_per_task=super().storage().bytes_per_task + 8 * len(self.trunk), revisits_data=False)

    def state_dict(self) -> dict[str, Any]:
        """The network, and what is protected."""
        return {**super().state_dict(), "protected": {task: kept.clone() for task, kept in self.protected.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        self.protected = restoring.tensors(state["protected"], "protected", self.trunk.new_empty(2, len(self.trunk)))
        self._fold()
