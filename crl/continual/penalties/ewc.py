"""Elastic weight consolidation: Kirkpatrick et al., PNAS 2017 (arXiv 1612.00796), equation 3.

The loss of the current task gets the penalty ewc_lambda / 2 * sum_j sum_i F_ji (theta_i - theta*_ji)^2 over the
finished tasks j, with the diagonal Fisher information F_j at the end of task j (:mod:`crl.continual.penalties.fisher`).
Deviations: only the trunk is penalised where tasks have heads of their own; the sum over tasks is folded into two
vectors when a task begins, so a step costs the same for any number of tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import PARTS
from crl.continual.generators.shared import SharedNetwork
from crl.continual.part import Boundary
from crl.continual.penalties.fisher import diagonal_fisher
from crl.continual.penalties.penalty import Penalty
from crl.dynamics.windows import Windows


class EWC(Penalty[SharedNetwork]):
    """A quadratic penalty on changes of what earlier tasks' predictions depend on.

    Attributes:
        protected: For every finished task: its Fisher information and its trunk, [2, trunk].
    """

    SETTINGS = PARTS["ewc"]
    BOUNDARY = Boundary.ROWS

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.protected: dict[int, Tensor] = {}
        self._fold()

    def begin_task(self, task: int) -> None:
        """Fold the penalties of all other tasks."""
        del task
        self._fold()

    def _fold(self) -> None:
        # sum_j F_j (x - x_j)^2 = F (x - x0)^2 + const, with F = sum_j F_j and x0 = sum_j F_j x_j / F: two vectors.
        others = [kept for index, kept in self.protected.items() if index != self.host.task]
        self._fisher: Tensor | None = None
        if others and self.config.continual.ewc_lambda > 0:
            self._fisher = torch.stack([kept[0] for kept in others]).sum(dim=0)
            pull = torch.stack([kept[0] * kept[1] for kept in others]).sum(dim=0)
            self._centre = torch.where(self._fisher > 0, pull / self._fisher, self.host.trunk.detach())

    def penalise(self) -> Tensor | None:
        """Add the penalty's gradient to the trunk's."""
        trunk = self.host.trunk
        if self._fisher is None or trunk.grad is None:
            return None
        away = trunk.detach() - self._centre
        pull = self.config.continual.ewc_lambda * self._fisher * away
        trunk.grad += pull
        return 0.5 * (pull * away).sum()

    def end_task(self, rows: Windows) -> None:
        """Measure the Fisher information on some of the task's transitions."""
        host = self.host
        inputs = host.evaluator.inputs(host.task, rows.choose(self.config.continual.fisher_rows, self.generator))
        with torch.no_grad():
            fisher = diagonal_fisher(host.network, host.join(host.task).detach(), inputs, self.generator)
        self.protected[host.task] = torch.stack([fisher[: len(host.trunk)], host.trunk.detach()])

    def bytes_per_task(self) -> int:
        """Fisher information and trunk of every task."""
        return 8 * len(self.host.trunk)

    def state_dict(self) -> dict[str, Any]:
        """What is protected."""
        return {"protected": {task: kept.clone() for task, kept in self.protected.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        like = self.host.trunk.new_empty(2, len(self.host.trunk))
        self.protected = restoring.tensors(state["protected"], "protected", like)
        self._fold()
