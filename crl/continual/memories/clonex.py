"""ClonEx: Wolczyk et al., NeurIPS 2022 (arXiv 2209.13900), section 4: behavioural cloning of what was learned before.

When a task ends, some of its inputs are kept with the outputs that the network gives then. Every step adds
replay_weight * E ||f(x; theta) - y||^2 on a batch of one earlier task. In the paper the outputs are an expert's
actions and the loss is a KL divergence; here they are the model's predictions in normalised units. For Gaussians of
one fixed variance the KL divergence is this squared distance up to a factor; raw log-variances are cloned alike.
Deviation: the paper's choice of the best earlier policy for exploration has no counterpart in a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import PARTS
from crl.continual.memories.memory import Memory
from crl.continual.part import HostT
from crl.dynamics.windows import Windows


class ClonEx(Memory[HostT]):
    """Kept inputs are answered as they were when their task ended.

    Attributes:
        outputs: What the network said about the kept windows of every finished task, [E, windows, out].
    """

    SETTINGS = PARTS["clonex"]

    def __init__(self, host: HostT, name: str) -> None:
        super().__init__(host, name)
        self.outputs: dict[int, Tensor] = {}

    def replay(self) -> Tensor | None:
        """The distance from the kept outputs on a batch of an earlier task."""
        task = self.kept.draw_task(self.host.task, self.generator, self.host.replayable())
        if task is None or self.config.continual.replay_weight == 0:
            return None
        rows, target = self.kept[task], self.outputs[task]
        index = torch.randint(len(rows), (self.config.learning.batch,), generator=self.generator).to(target.device)
        inputs = self.host.evaluator.inputs(task, rows.at(index)).unsqueeze(0)
        found = self.host.network.forward(self.host.differentiable(task), inputs)
        return self.config.continual.replay_weight * self.cost(task, (found - target[:, index]).square())

    def cost(self, task: int, distance: Tensor) -> Tensor:
        """What squared distances [E, N, out] from a task's kept outputs cost."""
        del task
        return distance.mean()

    def end_task(self, rows: Windows) -> None:
        """Keep some of the task's transitions, and what is said about them."""
        super().end_task(rows)
        task = self.host.task
        inputs = self.host.evaluator.inputs(task, self.kept[task]).unsqueeze(0)
        with torch.no_grad():
            self.outputs[task] = self.host.network.forward(self.host.weights(task), inputs)

    def bytes_per_task(self) -> int:
        """The kept transitions and outputs."""
        outputs = sum(value.numel() * value.element_size() for value in self.outputs.values())
        return super().bytes_per_task() + outputs // max(1, len(self.outputs))

    def state_dict(self) -> dict[str, Any]:
        """The kept transitions and outputs."""
        return {**super().state_dict(), "outputs": {task: value.clone() for task, value in self.outputs.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        network, like = self.host.network, torch.empty(0, device=self.host.device)
        self.outputs = {}
        for task, rows in self.kept.items():
            shape = (network.ensemble, len(rows), network.layers[-1][1])
            self.outputs[task] = restoring.tensor(state["outputs"][task], f"outputs[{task}]", like, shape)
