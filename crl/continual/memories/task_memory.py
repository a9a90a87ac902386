"""Kept windows of finished tasks, for the strategies that look at old transitions again."""

from __future__ import annotations

from collections.abc import Container, Mapping

import torch
from torch import Tensor

from crl.dynamics.windows import Windows


class TaskMemory(dict[int, Windows]):
    """Windows by task; a task that comes back replaces its own."""

    def draw_task(self, current: int, generator: torch.Generator, among: Container[int] | None = None) -> int | None:
        """One of the kept tasks other than the current one, at random; ``None`` if there is none.

        Args:
            current: The task that is left out.
            generator: Source of the draw.
            among: The tasks that may be drawn; all by default.
        """
        others = [task for task in self if task != current and (among is None or task in among)]
        return others[int(torch.randint(len(others), (), generator=generator))] if others else None

    @property
    def bytes_per_task(self) -> int:
        """Mean size of what is kept of a task."""
        return sum(rows.bytes for rows in self.values()) // max(1, len(self))

    def state_dict(self) -> dict[int, dict[str, Tensor]]:
        """The windows of every task, copied."""
        return {task: rows.state_dict() for task, rows in self.items()}

    def load_state_dict(
        self,
        state: Mapping[int, Mapping[str, Tensor]],
        device: torch.device,
        sizes: tuple[int | None, int | None] = (None, None),
    ) -> None:
        """Restore what :meth:`state_dict` returned.

        Args:
            state: The state.
            device: Where tensors live.
            sizes: Of an observation and of an action, where they are known.

        Raises:
            UnfitStateError: It is of other sizes, or not finite.
        """
        self.clear()
        self.update({task: Windows.from_state(rows, device, sizes) for task, rows in state.items()})
