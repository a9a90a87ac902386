"""Coreset replay: some transitions of every finished task are kept, and learned along with the current task's.

Experience replay with a small random memory per task (Chaudhry et al. 2019, arXiv 1902.10486; the coreset baseline of
Huang et al. 2021). Every step takes, beside the current batch, one batch from the memory of one earlier task, drawn
at random, so that a step costs the same for any number of tasks. Each task is judged with its own normalisers and,
where tasks have them, its own head, which goes on learning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.config.components import STRATEGIES
from crl.continual.shared import SharedNetwork
from crl.continual.strategy import Storage
from crl.continual.task_memory import TaskMemory
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class Coreset(SharedNetwork):
    """``continual.memory`` windows per finished task are replayed.

    Attributes:
        kept: The kept windows of every finished task.
    """

    SETTINGS = STRATEGIES["coreset"]

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        self.kept = TaskMemory()
        super().__init__(config, network, generator, device)

    def moving(self) -> dict[str, Tensor]:
        """The trunk and all heads."""
        return {"trunk": self.trunk, **{f"head {task}": head for task, head in self.heads.items()}}

    def memory(self) -> int:
        """Windows to keep per task."""
        return self.config.continual.memory

    def retain(self) -> Tensor | None:
        """Add the gradient of the loss on kept transitions of one earlier task."""
        task = self.kept.draw_task(self.task, self.generator)
        weight = self.config.continual.replay_weight
        if task is None or weight == 0:
            return None
        count = self.config.learning.batch * self.network.ensemble
        value = weight * self.judge.loss(task, self.join(task), self.kept[task].draw(count, self.generator))
        value.backward()
        return value.detach()

    def end_task(self, rows: Windows) -> None:
        """Keep some of the task's transitions, in place of those of an earlier visit."""
        super().end_task(rows)
        self.kept[self.task] = rows.choose(self.memory(), self.generator)

    def storage(self) -> Storage:
        """The kept transitions, and the head."""
        size = super().storage().bytes_per_task + self.kept.bytes_per_task
        return Storage(bytes_per_task=size, revisits_data=True)

    def state_dict(self) -> dict[str, Any]:
        """The network, and the kept transitions."""
        return {**super().state_dict(), "kept": self.kept.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        with restoring.part("kept"):
            self.kept.load_state_dict(state["kept"], self.device, self.judge.sizes)
