"""Labels of regimes that are told, for a memory that has nothing to find out: which entry is whose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crl.memory.models.memory import NOMINAL


class Labels:
    """Which entry of a memory belongs to which told label. Label 0 is the nominal regime's.

    Attributes:
        told: The label of the next transition; ``None``: nobody tells.
    """

    def __init__(self) -> None:
        self.told: int | None = None
        self._entries = {NOMINAL: NOMINAL}

    def entry(self) -> int | None:
        """The entry of the label in force; ``None``: it has none yet."""
        return None if self.told is None else self._entries.get(self.told)

    def opened(self, entry: int) -> None:
        """An entry was opened for the label in force."""
        if self.told is not None:
            self._entries[self.told] = entry

    def gone(self, entry: int, into: int | None = None) -> None:
        """An entry is no longer there; it was merged into another one, if that is given."""
        for label, mine in list(self._entries.items()):
            if mine == entry and into is None:
                del self._entries[label]
            elif mine == entry and into is not None:
                self._entries[label] = into

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {"told": self.told, "entries": [list(pair) for pair in self._entries.items()]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.told = None if state["told"] is None else int(state["told"])
        self._entries = {int(label): int(entry) for label, entry in state["entries"]}
