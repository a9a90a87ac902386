"""I-LoRA: Ren et al. 2024 (arXiv 2402.18865): a dual memory that interpolates between adapters.

A working adapter learns the current task and, from kept windows, one earlier task per step. The long-term adapter is
its exponential average with ilora_decay per step, and is what tasks are judged with and plans made. On the replayed
windows the working adapter is held near it: the loss gets replay_weight * (L(replayed) + ilora_consistency *
E ||h - h_slow||^2), h being what the network says. Deviation: the paper compares hidden representations of a language
model; the outputs of a regression are as long as they are wide, and what has to stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.config.declared.components import GENERATORS
from crl.continual.generators.lora.dual import Dual
from crl.continual.generators.lora.low_rank import LowRank
from crl.continual.memories.task_memory import TaskMemory
from crl.continual.strategy import Labels, Storage
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class ILoRA(Dual):
    """The working adapter learns and replays, the long-term adapter answers.

    Attributes:
        kept: The kept windows of every finished task.
    """

    SETTINGS = GENERATORS["ilora"]
    LABELS = Labels.BOUNDARIES
    DECAY = "ilora_decay"
    OPTIONS: ClassVar[dict[str, Any]] = {**LowRank.OPTIONS, "ilora_decay": 0.99, "ilora_consistency": 1.0}

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(config, network, generator, device)
        self.kept = TaskMemory()
        self.consistency = self.option("ilora_consistency")

    def weights(self, task: int) -> Tensor:
        """The weights that the long-term adapter makes, with the task's head, [P]."""
        weights = super().weights(task)
        return weights if not self.based else torch.cat([self._long_term(), weights[len(self.trunk) :]])

    def _long_term(self) -> Tensor:
        return (self.trunk + self.change(self.slow)).detach()

    def moving(self) -> dict[str, Tensor]:
        """The adapter, and the heads of all tasks, which are replayed."""
        heads = {f"head {task}": head for task, head in self.heads.items()}
        return {**super().moving(), **heads}

    def retain(self) -> Tensor | None:
        """Add the gradients of the replay, and of the distance from the long-term adapter on it."""
        task = self.kept.draw_task(self.task, self.generator)
        weight = self.config.continual.replay_weight
        if task is None or weight == 0 or not self.based:
            return None
        rows = self.kept[task].draw(self.config.learning.batch * self.network.ensemble, self.generator)
        inputs, working = self.evaluator.inputs(task, rows).unsqueeze(0), self.join(task)
        with torch.no_grad():
            head = self.heads[task] if self.head_per_task() else self.trunk[:0]
            steady = self.network.forward(torch.cat([self._long_term(), head]), inputs)
        away = (self.network.forward(working, inputs) - steady).square().mean()
        cost = weight * (self.evaluator.loss(task, working, rows) + self.consistency * away)
        cost.backward()
        return cost.detach()

    def end_task(self, rows: Windows) -> None:
        """Finish the task, and keep some of its transitions."""
        super().end_task(rows)
        self.kept[self.task] = rows.choose(self.config.continual.memory, self.generator)

    def storage(self) -> Storage:
        """A head and the kept transitions."""
        kept = self._with_parts(4 * len(self._next_head) + self.kept.bytes_per_task)
        return Storage(kept.bytes_per_task, revisits_data=True)

    def revisiting(self) -> list[str]:
        """It looks at transitions of finished tasks again."""
        return [type(self).__name__, *super().revisiting()]

    def state_dict(self) -> dict[str, Any]:
        """The network, both adapters and the kept transitions."""
        return {**super().state_dict(), "kept": self.kept.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        with restoring.part("kept"):
            self.kept.load_state_dict(state["kept"], self.device, self.evaluator.sizes)
