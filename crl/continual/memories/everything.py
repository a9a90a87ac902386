"""Multitask learning: all transitions of all tasks are kept and learned together.

Not a method of continual learning but its upper bound: what one network could reach if nothing had to be forgotten.
Steps are those of coreset replay with an unlimited memory.
"""

from __future__ import annotations

from crl.config.declared.components import PARTS
from crl.continual.memories.memory import Memory
from crl.continual.part import HostT
from crl.dynamics.windows import Windows


class Everything(Memory[HostT]):
    """Replay that keeps everything."""

    SETTINGS = PARTS["everything"]

    def choose(self, rows: Windows) -> Windows:
        """All of them, in an order drawn at random."""
        return rows.choose(len(rows), self.generator)
