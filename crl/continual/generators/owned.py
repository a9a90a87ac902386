"""The base of networks whose weights each belong to one task: nobody changes another task's.

A task reads its own weights and those of the tasks before it, all others as zero. A task that comes back learns in its
head alone, because later tasks read its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.continual.generators.shared import SharedNetwork
from crl.continual.part import Host
from crl.continual.strategy import Labels


class Owned(SharedNetwork):
    """Every weight of the trunk belongs to one task, or is free.

    Attributes:
        owner: Which finished task owns each weight, counted from 1 in the order of their ends; 0: free. [trunk]
        order: The finished tasks in that order.
    """

    HOST = Host.FROZEN
    LABELS = Labels.TOLD
    kept_once = (*SharedNetwork.kept_once, "owner")

    def _fresh(self) -> tuple[Tensor, Tensor]:
        trunk, head = super()._fresh()
        self.order: list[int] = []
        self.owner = torch.zeros(len(trunk), dtype=torch.int32, device=self.device)
        return trunk, head

    def learnable(self) -> Tensor:
        """What the current task, if it is new, may change: a mask [trunk]."""
        return self.owner == 0

    def visible(self, task: int) -> Tensor:
        """What a task reads of the trunk: a mask [trunk]."""
        if task not in self.order:
            return (self.owner > 0) | self.learnable()
        return (self.owner > 0) & (self.owner <= self.order.index(task) + 1)

    def join(self, task: int) -> Tensor:
        """Target weights [P] of a task: only what it may read, the rest zero."""
        trunk = torch.where(self.visible(task), self.trunk, 0.0)
        return torch.cat([trunk, self.heads[task]]) if self.head_per_task() else trunk

    def weights(self, task: int) -> Tensor:
        """The weights that a task reads, with its head, [P]."""
        weights = super().weights(task)
        size = len(self.trunk)
        return torch.cat([torch.where(self.visible(task), weights[:size], 0.0), weights[size:]])

    def _transform(self) -> None:
        """Move the task's weights only; Adam starts afresh with a task, so that a gradient of zero moves nothing."""
        super()._transform()
        if self.trunk.grad is not None:
            self.trunk.grad *= self.learnable() & (self.task not in self.order)

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimiser, average, and who owns what."""
        return {**super().state_dict(), "owner": self.owner.clone(), "order": list(self.order)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        self.owner = restoring.tensor(state["owner"], "owner", self.owner)
        self.order = list(state["order"])
