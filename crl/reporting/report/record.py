"""Runs as reports read them: what a damaged log still holds counts, and a lost one costs no more than its curves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from crl.reporting.runs import RunRecord
from crl.reporting.store.comparing import read_settings
from crl.reporting.store.entry import Entry

_EPISODE = {"task", "episode", "step", "steps", "return", "success"}


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

    @cached_property
    def _logged(self) -> tuple[list[dict[str, Any]], int]:
        """Lines of the log that can be read, and how many cannot."""
        try:
            raw = (self.path / "metrics.jsonl").read_bytes().splitlines()
        except OSError:
            return [], 0
        kept, lost = [], 0
        for line in raw:
            try:
                found = json.loads(line)
            except ValueError:
                found = None
            if isinstance(found, dict) and (found.get("kind") != "episode" or found.keys() >= _EPISODE):
                kept.append(found)
            else:
                lost += 1
        return kept, lost

    @property
    def lost_lines(self) -> int:
        """Lines of the log that can't be read."""
        return self._logged[1]

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """Lines of one kind, in order; those that can't be read are passed over."""
        return [line for line in self._logged[0] if line.get("kind") == kind]
