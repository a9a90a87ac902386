"""HyperCRL with a weighted regulariser: what each generated weight matters decides how much it is held.

R = beta / n * sum_j sum_i a_ji (h_i(e_j; Theta) - w*_ji)^2, the weighted variants of Huang et al. 2021. The importance
a_j of task j has mean 1, so that beta means the same as without weights. How it is measured is the subclasses' matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.continual.hypercrl import HyperCRL
from crl.continual.strategy import Storage
from crl.dynamics.network import TargetNetwork


class WeightedHyperCRL(HyperCRL):
    """HyperCRL that keeps an importance per generated weight and task.

    Attributes:
        importances: Importance [P] of every finished task, mean 1.
    """

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        self.importances: dict[int, Tensor] = {}
        super().__init__(config, network, generator, device)

    def _protect(self) -> None:
        super()._protect()
        self._weighting = self._weights_of(self.protected) if self.protected and not self._draws() else None

    def _weights_of(self, tasks: list[int]) -> Tensor:
        return torch.stack([self.importances[index] for index in tasks])

    def importance(self, difference: Tensor) -> Tensor:
        """Weighted squared distance of generated weights [n, P] from the protected ones."""
        weighting = self._weights_of(self.protected) if self._weighting is None else self._weighting
        return (weighting * difference.square()).sum()

    def keep_importance(self, raw: Tensor) -> None:
        """Keep the importance [P] of the task that ends, scaled to mean 1; without any, all weights count alike."""
        mean = raw.mean()
        self.importances[self.task] = raw / mean if float(mean) > 0 else torch.ones_like(raw)

    def storage(self) -> Storage:
        """An embedding and an importance per weight."""
        return Storage(bytes_per_task=super().storage().bytes_per_task + 4 * self.network.size, revisits_data=False)

    def state_dict(self) -> dict[str, Any]:
        """What HyperCRL keeps, and the importances."""
        return {**super().state_dict(), "importances": {task: a.clone() for task, a in self.importances.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        like = torch.empty(self.network.size, device=self.device)
        self.importances = restoring.tensors(state["importances"], "importances", like)
        super().load_state_dict(state)
