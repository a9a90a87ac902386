"""HyperCRL with replay: the output regulariser, and old transitions judged through their own task's weights.

Beside R, every step judges h(e_j; Theta) on kept transitions of one earlier task j, drawn at random (Huang et al.
2021, ablation). It shows what old data would add to the regulariser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.config.components import STRATEGIES
from crl.continual.hypercrl import HyperCRL
from crl.continual.strategy import Storage
from crl.continual.task_memory import TaskMemory
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class HyperCRLReplay(HyperCRL):
    """HyperCRL that also replays ``continual.memory`` windows per finished task.

    Attributes:
        kept: The kept windows of every finished task.
    """

    SETTINGS = STRATEGIES["hypercrl_replay"]

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        self.kept = TaskMemory()
        super().__init__(config, network, generator, device)

    def retention(self, weights: Tensor) -> Tensor:
        """R, and the loss on kept transitions of one earlier task, for the generated weights [n, P]."""
        total = super().retention(weights)
        task = self.kept.draw_task(self.task, self.generator, self.protected)
        weight = self.config.continual.replay_weight
        if task is None or weight == 0:
            return total
        count = self.config.learning.batch * self.network.ensemble
        rows = self.kept[task].draw(count, self.generator)
        return total + weight * self.judge.loss(task, weights[self.protected.index(task)], rows)

    def end_task(self, rows: Windows) -> None:
        """Keep some of the task's transitions, in place of those of an earlier visit."""
        super().end_task(rows)
        self.kept[self.task] = rows.choose(self.config.continual.memory, self.generator)

    def storage(self) -> Storage:
        """An embedding and the kept transitions."""
        size = super().storage().bytes_per_task + self.kept.bytes_per_task
        return Storage(bytes_per_task=size, revisits_data=True)

    def state_dict(self) -> dict[str, Any]:
        """What HyperCRL keeps, and the kept transitions."""
        return {**super().state_dict(), "kept": self.kept.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        with restoring.part("kept"):
            self.kept.load_state_dict(state["kept"], self.device, self.judge.sizes)
