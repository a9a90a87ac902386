"""Runs as reports read them: what a damaged log still holds counts, and a lost one costs no more than its curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crl.reporting.runs import RunRecord
from crl.reporting.store.comparing import read_settings
from crl.reporting.store.entry import Entry


@dataclass(frozen=True)
class ReportedRun(RunRecord):
    """A finished run with its entry in the store, and logs that may be damaged.

    Attributes:
        entry: What the store knows of it.
    """

    entry: Entry

    @property
    def flat_settings(self) -> dict[str, Any]:
        """Settings by dotted key, without the sections that the run's agent does not read."""
        return read_settings(self.entry.settings)
