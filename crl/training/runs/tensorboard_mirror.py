"""Mirrors log lines to TensorBoard. A convenience: whatever goes wrong here never stops a run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from crl.training.callbacks.base import numbers
from crl.training.runs.event_file import EventFile


class TensorBoardMirror:
    """Writes the numbers of log lines as scalars to event files in a folder, one tag per task.

    TensorBoard is imported, and the event file made, when the first line comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._purge_step: int | None = 0
        self._writer: EventFile | None = None
        self._broken = False

    def add(self, record: Mapping[str, Any]) -> None:
        """Mirror one log line; entries that are no numbers are passed over."""
        found = numbers(record)
        if found:
            self._guard(lambda: self._write(record["step"], found))

    def restart(self, step: int) -> None:
        """Begin a new event file that withdraws everything at ``step`` or later in the earlier ones."""
        self.close()
        self._purge_step = step

    def close(self) -> None:
        """Write out what is pending. The next line begins a new event file."""
        if self._writer is not None:
            self._guard(self._writer.close)
            self._writer = None

    def _write(self, step: int, found: Mapping[str, float]) -> None:
        if self._writer is None:
            self._writer = EventFile(self._folder, self._purge_step)
            self._purge_step = None
        for tag, value in found.items():
            self._writer.add_scalar(tag, value, step)

    def _guard(self, action: Callable[[], object]) -> None:
        if self._broken:
            return
        try:
            action()
        except (OSError, ImportError) as error:
            self._broken = True
            warnings.warn(f"TensorBoard files in {self._folder} end here: {error}", stacklevel=4)
