"""The base of variations in which every task has an adapter of its own, which rests when the task ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from crl import restoring
from crl.continual.generators.lora.low_rank import LowRank
from crl.continual.part import Host
from crl.continual.strategy import Labels, Storage


class Apart(LowRank):
    """An adapter per task; what finished tasks read never changes.

    Attributes:
        finished: The adapter of every finished task. That of the first one changes nothing, unless the task comes back.
    """

    HOST = Host.FROZEN
    LABELS = Labels.TOLD

    def _fresh(self) -> tuple[Tensor, Tensor]:
        fresh = super()._fresh()
        self.finished: dict[int, Tensor] = {}
        return fresh

    def begin_task(self, task: int) -> None:
        """Go on with the task's own adapter, or begin one."""
        if self.based and task != self.task:
            self.adapter = self.finished[task].clone() if task in self.finished else self.fresh_adapter()
        super().begin_task(task)

    def finish(self) -> None:
        """Keep the adapter."""
        self.finished[self.task] = self.adapter.detach().clone()

    def adapted(self, task: int, tensors: Mapping[str, Tensor]) -> Tensor:
        """The trunk with the task's own adapter, [trunk]."""
        return self.trunk + self.change(tensors["adapter"] if task == self.task else self.finished[task])

    def storage(self) -> Storage:
        """A head and an adapter."""
        return self._with_parts(4 * (len(self._next_head) + self.adapter.numel()))

    def state_dict(self) -> dict[str, Any]:
        """The network and all adapters."""
        return {**super().state_dict(), "finished": {task: value.clone() for task, value in self.finished.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        self.finished = restoring.tensors(state["finished"], "finished", self.adapter.detach())
