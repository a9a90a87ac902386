"""``results.json`` as it is read: every entry is checked against one schema, whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crl.reading.json_text import parse_json, read_json
from crl.reading.plain import read_bytes
from crl.reading.schema import Check, count, flag, listed, mapping, named, number, optional, sift, text, whole

NAME = "results.json"
NEEDED = ("matrix", "matrix_return", "matrix_tasks", "visits", "strategy", "seed", "env", "evaluation")
"""Entries without which a run has no place in a report."""

_MATRIX = listed(listed(optional(number)))
_SECONDS = named(named(number))
_MEMORY = mapping(
    {
        "stated_bytes_per_task": optional(number),
        "measured_bytes_per_task": optional(number),
        "revisits_data": optional(flag),
        "old_rows_read": optional(number),
    }
)
_SCORE = mapping(
    {
        "name": text,
        "success_rate": optional(number),
        "mean_return": optional(number),
        "successes": listed(flag),
        "returns": listed(optional(number)),
    },
    ("name", "success_rate", "mean_return"),
)
_VISIT = mapping(
    {
        "task": text,
        "steps": count,
        "episodes": count,
        "validation": optional(whole),
        "kept_bytes": optional(number),
        "old_rows_read": optional(number),
        "plasticity": optional(named(optional(number))),
        "outcome_errors": optional(named(number)),
    },
    ("task",),
)
_ESTIMATE = mapping(
    {"value": number, "low": optional(number), "high": optional(number), "evaluated": count, "tasks": count},
    ("value", "low", "high", "evaluated", "tasks"),
)

SCHEMA: Mapping[str, Check] = {
    "env": text,
    "agent": text,
    "strategy": text,
    "planner": optional(text),
    "profile": optional(text),
    "seed": whole,
    "run": text,
    "tasks": listed(_SCORE),
    "matrix": _MATRIX,
    "matrix_return": _MATRIX,
    "matrix_tasks": listed(text),
    "average_success": optional(number),
    "average_return": optional(number),
    "forgetting": optional(number),
    "forgetting_return": optional(number),
    "forgetting_from_best": optional(number),
    "forgetting_from_best_return": optional(number),
    "visits": listed(_VISIT),
    "env_steps": count,
    "evaluation_steps": count,
    "gradient_steps": count,
    "wall_seconds": number,
    "cpu_seconds": number,
    "time": _SECONDS,
    "decision_ms": optional(number),
    "reach": optional(mapping({})),
    "memory": optional(_MEMORY),
    "bytes_per_task": optional(number),
    "revisits_data": optional(flag),
    "missions": listed(mapping({})),
    "life": optional(mapping({})),
    "evaluation": mapping({"episodes": count, "episodes_between": count, "seed": whole, "tasks": count}),
    "estimates": named(optional(_ESTIMATE)),
    "fingerprint": text,
    "version": text,
    "commit": optional(text),
    "torch": text,
}
"""What each entry is. Older versions wrote fewer; what is not listed here nobody reads."""

EPISODE = mapping(
    {
        "task": text,
        "episode": count,
        "step": count,
        "steps": count,
        "return": number,
        "success": optional(flag),
    },
    ("task", "episode", "step", "steps", "return", "success"),
)
"""A line of ``metrics.jsonl`` about an episode."""
_LINE = mapping({"kind": text, "step": count}, ("kind", "step"))


LOG_MOST = 1 << 30
"""Bytes of a log that are read: some seven million lines."""


@dataclass(frozen=True)
class Results:
    """Results that were read.

    Attributes:
        entries: Those that are as they should be.
        wrong: What is wrong with the others, one message each.
    """

    entries: dict[str, Any]
    wrong: tuple[str, ...]


def read_results(folder: Path) -> Results:
    """The results of a run.

    Args:
        folder: The run's folder.

    Raises:
        OSError: There are none (``FileNotFoundError``), or the file can't be read or is no plain file.
        ValueError: The file is no JSON, or holds no results.
    """
    found = read_json(folder / NAME)
    if not isinstance(found, dict):
        raise ValueError("it holds no results")
    entries, wrong = sift(found, SCHEMA)
    if not _fit(entries):
        wrong.append("matrix, matrix_return, matrix_tasks and visits do not fit each other")
        entries = {key: value for key, value in entries.items() if key not in ("matrix", "matrix_return")}
    return Results(entries, tuple(wrong))


def read_log(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Lines of ``metrics.jsonl`` that are as they should be, and how many are not.

    A log that is missing or can't be read has no lines.
    """
    try:
        raw = read_bytes(path, LOG_MOST).splitlines()
    except OSError:
        return [], 0
    found = [line for line in map(read_line, raw) if line is not None]
    kept = [line for line in found if line["kind"] != "episode" or EPISODE(line) is None]
    return kept, len(raw) - len(kept)


def read_line(line: bytes) -> dict[str, Any] | None:
    """One line of a log, with ``kind`` and ``step``; ``None`` if it was cut off, or is not what a run writes."""
    try:
        found = parse_json(line)
    except ValueError:
        return None
    return found if _LINE(found) is None else None


def _fit(entries: Mapping[str, Any]) -> bool:
    """Whether the rows of the matrices are the visits, and their columns the tasks."""
    columns, visits = entries.get("matrix_tasks"), entries.get("visits")
    if columns is None or visits is None:
        return True
    if len(set(columns)) < len(columns) or set(columns) != {visit["task"] for visit in visits}:
        return False
    tables = [entries[name] for name in ("matrix", "matrix_return") if name in entries]
    return all(len(table) == len(visits) and all(len(row) == len(columns) for row in table) for table in tables)
