"""Fine-tuning with a copy per task: one network learns on, and a finished task keeps its weights as they were.

The trivial rival of every strategy that remembers: nothing is forgotten, a new task starts where the last one ended,
and memory grows by one network per task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.config.declared.components import GENERATORS
from crl.continual.generators.finetune import Finetune
from crl.continual.part import Host
from crl.continual.strategy import Labels, Storage
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class Snapshot(Finetune):
    """One network that learns on; the weights of finished tasks are copied.

    Attributes:
        finished: Weights [P] of every finished task.
    """

    STARTS_LIKE = True
    SETTINGS = GENERATORS["snapshot"]
    HOST = Host.FROZEN
    LABELS = Labels.TOLD

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        self.finished: dict[int, Tensor] = {}
        super().__init__(config, network, generator, device)

    def begin_task(self, task: int) -> None:
        """Go on from the task before, or from its own copy where the task comes back."""
        if task in self.finished:
            with torch.no_grad():
                self.trunk.copy_(self.finished[task])
        super().begin_task(task)

    def start_like(self, task: int, other: int) -> None:
        """Start from the copy of the other task's weights."""
        del task
        with torch.no_grad():
            self.trunk.copy_(self.finished[other])
        self._average.clear()

    def end_task(self, rows: Windows) -> None:
        """Keep a copy of the task's weights."""
        super().end_task(rows)
        self.finished[self.task] = self.trunk.detach().clone()

    def weights(self, task: int) -> Tensor:
        """Weights [P] of the current task, or the copy of a finished one."""
        return super().weights(task) if task == self.task else self.finished[task].clone()

    def storage(self) -> Storage:
        """A whole network per task, and what the parts keep."""
        return self._with_parts(4 * self.network.size)

    def state_dict(self) -> dict[str, Any]:
        """The current network and the copies."""
        finished = {task: weights.clone() for task, weights in self.finished.items()}
        return {**super().state_dict(), "finished": finished}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        self.finished = restoring.tensors(state["finished"], "finished", self.trunk)
