"""Dynamic ConPET: Song et al. 2023 (arXiv 2309.14763): an adapter per task, and a selector among them.

Every task has an adapter of its own. A selector says which of the known ones serves new data best: in the first
learning step of a new task, the loss of the batch is taken with the adapter and head of every finished task, and the
new adapter starts as a copy of the best, if that is better than a fresh one. Deviations: the paper's selector is a
classifier of tasks, learned from kept data, which it needs because it isn't told the task; the loss is the likelihood
that such a classifier stands for, and needs no kept data. It chooses where a task starts and not what each input reads,
because the weights of a task are one vector here. The static form (one adapter and a memory) is ``conpet_static``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl.continual.generators.lora.apart import Apart
from crl.continual.strategy import Loss


class ConPET(Apart):
    """An adapter per task, which starts as a copy of the one that knows the first batch best.

    Attributes:
        choosing: Whether the current task is new, and nothing was chosen yet.
        chosen: The task whose adapter the current one started from; -1: a fresh one.
    """

    choosing: bool = False
    chosen: int = -1

    def begin_task(self, task: int) -> None:
        """Begin, or go on; a new task chooses in its first step."""
        self.choosing, self.chosen = self.based and task not in self.heads, -1
        super().begin_task(task)

    def step(self, loss: Loss) -> dict[str, Tensor]:
        """Choose, if nothing was chosen yet, and take one gradient step."""
        if self.choosing and not self.still:
            self._choose(loss)
        return super().step(loss)

    @torch.no_grad()
    def _choose(self, loss: Loss) -> None:
        least = loss(self.join(self.task))
        if not bool(torch.isfinite(least)):
            return
        self.choosing = False
        for task in self.finished:
            found = loss(self.join(task))
            if bool(found < least):
                least, self.chosen = found, task
        if self.chosen >= 0:
            self.adapter.copy_(self.finished[self.chosen])
            self.heads[self.task].copy_(self.heads[self.chosen])

    def state_dict(self) -> dict[str, Any]:
        """The network, all adapters, and what was chosen."""
        return {**super().state_dict(), "choosing": self.choosing, "chosen": self.chosen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        self.choosing, self.chosen = bool(state["choosing"]), int(state["chosen"])
