"""PackNet: Mallya, Lazebnik, CVPR 2018 (arXiv 1711.05769), section 3: tasks share one network, weight by weight.

A task learns all weights that no earlier task owns. When it ends, the packnet_keep share of these with the largest
size, matrix by matrix, is its own for ever; the others become zero and are free, and the kept ones are trained on for
packnet_steps steps to make up for the loss. A task reads its own weights and those of the tasks before it. Biases
belong to the first task. Deviations: retraining fits the outputs of the network before it was pruned on the task's
inputs, since the loss itself is the learner's; a task that comes back learns in its head alone, because later tasks
read its weights.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.config.declared.components import GENERATORS
from crl.continual import options
from crl.continual.generators.owned import Owned
from crl.continual.optimiser import Adam
from crl.dynamics.windows import Windows


class PackNet(Owned):
    """A task prunes the free weights, and owns what is left."""

    SETTINGS = GENERATORS["packnet"]
    CHANGES_AT_END = True
    OPTIONS: ClassVar[dict[str, Any]] = {"packnet_keep": 0.25, "packnet_steps": 500}

    def _fresh(self) -> tuple[Tensor, Tensor]:
        trunk, head = super()._fresh()
        self.keep = options.number(self.config, self.OPTIONS, "packnet_keep", most=1, above=True)
        self.retrain = options.whole(self.config, self.OPTIONS, "packnet_steps")
        return trunk, head

    def end_task(self, rows: Windows) -> None:
        """Prune, and train on what is left."""
        super().end_task(rows)
        if self.task in self.order:
            return
        inputs = self.evaluator.inputs(self.task, rows).unsqueeze(0)
        with torch.no_grad():
            target = self.network.forward(self.join(self.task), inputs)
        self.order.append(self.task)
        place = 0
        for index, size in enumerate(self.network.tensor_sizes):
            if place >= len(self.trunk):
                break
            mine = torch.nonzero(self.owner[place : place + size] == 0).flatten() + place
            if index % 2 == 0:  # a matrix; biases are not pruned
                count = -(-len(mine) * self.keep // 1)
                mine = mine[self.trunk.detach()[mine].abs().topk(int(count)).indices]
            self.owner[mine] = len(self.order)
            place += size
        with torch.no_grad():
            self.trunk.masked_fill_(self.owner == 0, 0.0)
        self._fit(inputs, target)
        self._next_head = self.heads[self.task].detach().clone()

    def _fit(self, inputs: Tensor, target: Tensor) -> None:
        """Make the pruned network say what the whole one said about inputs [1, N, in]: [E, N, out]."""
        own = self.owner == len(self.order)
        optimiser = Adam(self.moving(), self.config.learning.lr, self.config.learning.clip)
        for _ in range(self.retrain):
            index = torch.randint(inputs.shape[1], (self.config.learning.batch,), generator=self.generator)
            index = index.to(self.device)
            optimiser.zero()
            found = self.network.forward(self.join(self.task), inputs[:, index])
            (found - target[:, index]).square().mean().backward()
            if self.trunk.grad is not None:
                self.trunk.grad *= own
            optimiser.step()
