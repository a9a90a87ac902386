"""What became of a point so far, as its worker wrote it. Results are in the run folder; this tells the rest."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from crl.reading.json_text import read_json
from crl.reading.schema import count, mapping, text
from crl.training.files.durable import replace_file

Outcome = Literal["running", "finished", "failed", "stopped"]
NAME = "record.json"
MOST = 1 << 20
"""Bytes of a record that are read."""
_SCHEMA = mapping(
    {
        "outcome": text,
        "fingerprint": text,
        "code": text,
        "attempts": count,
        "process": text,
        "began": text,
    }
)


@dataclass(frozen=True)
class Record:
    """A point's record.

    Attributes:
        outcome: ``running`` while a worker lives (and after it was killed), else how it ended.
        fingerprint: Of the settings that its run was begun with.
        code: The code that its run was begun with (:func:`crl.sweeps.code_version.code_version`).
        attempts: Workers that worked on it; one that found nothing to do does not count.
        process: The last of them, as ``PID on HOST``.
        began: When the last of them began, UTC, ISO 8601.
        error: What failed.
    """

    outcome: Outcome = "running"
    fingerprint: str = ""
    code: str = ""
    attempts: int = 0
    process: str = ""
    began: str = ""
    error: str | None = None


def read(point: Path) -> Record | None:
    """The record in a point's folder; None if no worker has been there."""
    try:
        found = read_json(point / NAME, MOST)
        return Record(**found) if _SCHEMA(found) is None else None
    except (OSError, ValueError, TypeError):
        return None


def write(point: Path, record: Record) -> None:
    """Write a record, whole or not at all.

    Raises:
        OSError: It can't be written.
    """
    replace_file(point / NAME, (json.dumps(asdict(record), indent=1) + "\n").encode())
