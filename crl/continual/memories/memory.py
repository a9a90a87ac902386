"""The base of memories: what is chosen and kept, and the replay of one earlier task in every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from crl import restoring
from crl.config.components import PARTS
from crl.continual.memories.task_memory import TaskMemory
from crl.continual.part import Boundary, Host, HostT, Kind, Part
from crl.dynamics.windows import Windows


class Memory(Part[HostT]):
    """Keeps windows of finished tasks, and judges those of one task, drawn at random, in every step.

    Attributes:
        MOVES_HEADS: Whether the heads of all tasks go on learning, and not only the current one.
        kept: The kept windows of every finished task.
    """

    KIND: ClassVar[Kind] = Kind.MEMORY
    HOSTS: ClassVar[tuple[Host, ...]] = (Host.NETWORK, Host.HYPERNETWORK)
    SETTINGS: ClassVar[tuple[str, ...] | None] = PARTS["coreset"]
    BOUNDARY: ClassVar[Boundary] = Boundary.ROWS
    REVISITS: ClassVar[bool] = True
    MOVES_HEADS: ClassVar[bool] = True

    def __init__(self, host: HostT, name: str) -> None:
        super().__init__(host, name)
        self.kept = TaskMemory()

    def choose(self, rows: Windows) -> Windows:
        """What to keep of a task's windows."""
        return rows.choose(self.config.continual.memory, self.generator)

    def loss(self, task: int, weights: Tensor, rows: Windows) -> Tensor:
        """The loss of weights [P] on kept windows of a task."""
        return self.host.evaluator.loss(task, weights, rows)

    def draw(self) -> tuple[int, Windows] | None:
        """An earlier task, and a batch of what is kept of it; ``None`` if there is nothing to replay."""
        task = self.kept.draw_task(self.host.task, self.generator, self.host.replayable())
        if task is None or self.config.continual.replay_weight == 0:
            return None
        count = self.config.learning.batch * self.host.network.ensemble
        return task, self.kept[task].draw(count, self.generator)

    def replay(self) -> Tensor | None:
        """The loss to add in this step, with its graph; ``None`` if there is nothing to replay."""
        drawn = self.draw()
        if drawn is None:
            return None
        task, rows = drawn
        return self.config.continual.replay_weight * self.loss(task, self.host.differentiable(task), rows)

    def end_task(self, rows: Windows) -> None:
        """Keep some of the task's transitions, in place of those of an earlier visit."""
        self.kept[self.host.task] = self.choose(rows)

    def bytes_per_task(self) -> int:
        """The kept transitions."""
        return self.kept.bytes_per_task

    def state_dict(self) -> dict[str, Any]:
        """The kept transitions."""
        return {"kept": self.kept.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        with restoring.part("kept"):
            self.kept.load_state_dict(state["kept"], self.host.device, self.host.evaluator.sizes)
