"""A new network per task: no transfer, no forgetting, memory that grows by a whole model per task.

The reference for transfer and for normalised scores (``R[single, j]``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.continual.finetune import Finetune
from crl.continual.strategy import Storage
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class Single(Finetune):
    """Fine-tuning that starts from fresh weights whenever a new task begins, and keeps the finished ones."""

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        self.finished: dict[int, Tensor] = {}
        super().__init__(config, network, generator, device)

    def begin_task(self, task: int) -> None:
        """Start from fresh weights, or from its own where the task comes back."""
        self.trunk, _ = self._fresh()
        if task in self.finished:
            with torch.no_grad():
                self.trunk.copy_(self.finished[task])
        super().begin_task(task)

    def end_task(self, rows: Windows) -> None:
        """Keep the task's weights."""
        super().end_task(rows)
        self.finished[self.task] = self.trunk.detach().clone()

    def weights(self, task: int) -> Tensor:
        """Weights [P] of the task's own network."""
        return super().weights(task) if task == self.task else self.finished[task].clone()

    def storage(self) -> Storage:
        """A whole network per task."""
        return Storage(bytes_per_task=4 * self.network.size, revisits_data=False)

    def state_dict(self) -> dict[str, Any]:
        """The current network and all finished ones."""
        finished = {task: weights.clone() for task, weights in self.finished.items()}
        return {**super().state_dict(), "finished": finished}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        self.finished = restoring.tensors(state["finished"], "finished", self.trunk)
