"""A new network per task: no transfer, no forgetting, memory that grows by a whole model per task.

The reference for transfer and for normalised scores (``R[single, j]``).
"""

from __future__ import annotations

from crl.config.declared.components import GENERATORS
from crl.continual.generators.snapshot import Snapshot


class Single(Snapshot):
    """A copy per task, and every new task starts from fresh weights."""

    SETTINGS = GENERATORS["single"]

    def begin_task(self, task: int) -> None:
        """Start from fresh weights, or from its own where the task comes back."""
        self.trunk, _ = self._fresh()
        super().begin_task(task)
