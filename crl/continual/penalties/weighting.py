"""Weights of a hypernetwork's regulariser: what each generated weight matters decides how much it is held.

R = beta / n * sum_j sum_i a_ji (h_i(e_j; Theta) - w*_ji)^2, the weighted variants of Huang et al. 2021. The importance
a_j of task j has mean 1, so that beta means the same as without weights. How it is measured is the subclasses' matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.continual.generators.hypercrl import HyperCRL
from crl.continual.part import Host
from crl.continual.penalties.penalty import Penalty


class Weighting(Penalty[HyperCRL]):
    """Keeps an importance per generated weight and task.

    Attributes:
        importances: Importance [P] of every finished task, mean 1.
    """

    HOSTS = (Host.HYPERNETWORK,)

    def __init__(self, host: HyperCRL, name: str) -> None:
        super().__init__(host, name)
        self.importances: dict[int, Tensor] = {}
        self._stacked: tuple[list[int], Tensor] | None = None

    def begin_task(self, task: int) -> None:
        """The importances of the finished tasks stay what they are until this one ends."""
        del task
        self._stacked = None

    def weighting(self, tasks: Sequence[int]) -> Tensor:
        """Importances [n, P] of some tasks."""
        if self._stacked is None or self._stacked[0] != list(tasks):  # the same in every step, unless tasks are drawn
            self._stacked = (list(tasks), torch.stack([self.importances[index] for index in tasks]))
        return self._stacked[1]

    def keep_importance(self, raw: Tensor) -> None:
        """Keep the importance [P] of the task that ends, scaled to mean 1; without any, all weights count alike."""
        mean = raw.mean()
        self.importances[self.host.task] = raw / mean if float(mean) > 0 else torch.ones_like(raw)
        self._stacked = None

    def bytes_per_task(self) -> int:
        """An importance per weight."""
        return 4 * self.host.network.size

    def state_dict(self) -> dict[str, Any]:
        """The importances."""
        return {"importances": {task: a.clone() for task, a in self.importances.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        like = torch.empty(self.host.network.size, device=self.host.device)
        self.importances = restoring.tensors(state["importances"], "importances", like)
        self._stacked = None
