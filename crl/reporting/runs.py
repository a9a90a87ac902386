"""Finished runs as records: what reports, tables and plots read, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl.errors import CrlError


@dataclass(frozen=True)
class RunRecord:
    """A finished run: its folder, its ``results.json`` and the lines of its ``metrics.jsonl``."""

    path: Path
    results: dict[str, Any]

    @property
    def label(self) -> str:
        """Strategy of the run."""
        return str(self.results["strategy"])

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """Lines of one kind, in order."""
        with (self.path / "metrics.jsonl").open(encoding="utf-8") as file:
            return [line for line in map(json.loads, file) if line["kind"] == kind]

    def matrix(self, name: str = "matrix") -> NDArray[np.float64]:
        """A reward matrix [visits, tasks]; NaN where nothing was evaluated."""
        return np.array(
            [[np.nan if value is None else value for value in row] for row in self.results[name]], dtype=np.float64
        )


def read_run(path: Path) -> RunRecord:
    """Read one finished run.

    Raises:
        CrlError: The folder holds no readable ``results.json``.
    """
    try:
        return RunRecord(path, json.loads((path / "results.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CrlError(f"{path} is not a finished run: {error}", f"finish it with: crl resume {path}") from error


def by_strategy(paths: Iterable[Path]) -> tuple[dict[str, list[RunRecord]], list[str]]:
    """Finished runs grouped by strategy and ordered by seed; what could not be read comes back as messages."""
    groups: dict[str, list[RunRecord]] = {}
    problems: list[str] = []
    for path in sorted(paths):
        try:
            record = read_run(path)
        except CrlError as error:
            problems.append(error.message)
            continue
        groups.setdefault(record.label, []).append(record)
    for records in groups.values():
        records.sort(key=lambda record: record.results["seed"])
    return groups, problems
