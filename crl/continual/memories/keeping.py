"""Parts that keep windows of finished tasks: what is chosen when a task ends, and how it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from crl import restoring
from crl.continual.memories.task_memory import TaskMemory
from crl.continual.part import Boundary, HostT, Part
from crl.dynamics.windows import Windows


class Keeping(Part[HostT]):
    """Keeps windows of finished tasks.

    Attributes:
        kept: The kept windows of every finished task.
    """

    BOUNDARY: ClassVar[Boundary] = Boundary.ROWS
    REVISITS: ClassVar[bool] = True

    def __init__(self, host: HostT, name: str) -> None:
        super().__init__(host, name)
        self.kept = TaskMemory()

    def choose(self, rows: Windows) -> Windows:
        """What to keep of a task's windows."""
        return rows.choose(self.config.continual.memory, self.generator)

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
