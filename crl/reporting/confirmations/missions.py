"""Confirmations of missions: what is measured of a mission."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from crl.reporting.confirmations.kind import Kind, Record
from crl.reporting.confirmations.two_levels import two_level_interval
from crl.reporting.tables.kinds import Composite
from crl.reporting.tables.table import Column, Table

COMPLETED = {"steps"}
"""Quantities of completed missions only."""


def measure(record: Record, quantity: str) -> float:
    """A quantity of one mission; NaN where it has none."""
    completed = bool(record["completed"])
    crashed = record["crash"] is not None
    if quantity == "success":
        return float(completed)
    if quantity == "reached":
        return float(record["reached_fraction"])
    if quantity == "crashes":
        return float(crashed)
    if quantity == "safe_end":
        return float(completed or (bool(record["given_up"]) and not crashed))
    if quantity == "steps_to_stop":
        given_up, came = record.get("given_up_at"), record["fault_came"]
        return math.nan if given_up is None or came is None else float(given_up - came)
    if quantity == "refine_ms":
        taken = record["ms"].get("refine", {}).get("median") if "ms" in record else record["refine_ms"]
        return math.nan if taken is None else float(taken)
    value = record["steps"] if quantity == "steps" and completed else record.get(quantity)
    return math.nan if value is None or (quantity in COMPLETED and not completed) else float(value)


def _tables(records: Sequence[Record], methods: Sequence[str]) -> list[tuple[str, Table]]:
    return [("By kind of fault: missions completed, mean steps of those", _by_kind(records, methods))]


def _by_kind(records: Sequence[Record], methods: Sequence[str]) -> Table:
    """By kind of fault and method: missions completed, missions, and the mean of the steps of those completed."""
    kinds = list(dict.fromkeys((r["class"], r["mission"].rsplit("-", 1)[0]) for r in records))
    rows = []
    for group, kind in kinds:
        row: list[Any] = [group, kind]
        for method in methods:
            ours = [r for r in records if (r["method"], r["mission"].rsplit("-", 1)[0]) == (method, kind)]
            done = [r["steps"] for r in ours if r["completed"]]
            row.append((len(done), len(ours), sum(done) / len(done) if done else None))
        rows.append(row)
    shown = Composite(_completed, lambda found: found[0])
    return Table.of([Column("class"), Column("kind"), *(Column(method, shown) for method in methods)], rows)


def _completed(found: tuple[int, int, float | None]) -> str:
    done, flown, steps = found
    return f"{done} of {flown}" + ("" if steps is None else f", {steps:.0f}")


def _kept(record: Record) -> Record:
    taken = measure(record, "refine_ms")
    kept = {key: value for key, value in record.items() if key != "ms"}
    return kept | {"refine_ms": taken if math.isfinite(taken) else None}


MISSIONS = Kind(
    records="missions",
    design="{fits} fits per method, each with missions of its own, the same for all methods.",
    intervals=(
        "Brackets: 95 % intervals of a bootstrap that draws fits and, within each, missions. A ratio is the mean over "
        "pairs: the same fit seed, map, fault, start and noise. A criterion is judged by the mean."
    ),
    quantities={
        "success": "share of the missions that were completed",
        "reached": "share of the waypoints that were reached",
        "steps": "control steps of a completed mission",
        "cross_track": "mean distance to the leg (m)",
        "cross_track_fault": "the same while the fault is on (m)",
        "crashes": "crashes per mission",
        "safe_end": "share of the missions that were completed, or were given up without a crash",
        "steps_to_stop": "control steps from the fault until the mission was given up",
        "false_alarms": "false alarms per mission",
        "refine_ms": "CPU time of a correction (ms), median of a mission",
    },
    shown={
        "success": 3,
        "steps": 0,
        "cross_track": 3,
        "cross_track_fault": 3,
        "crashes": 2,
        "safe_end": 2,
        "false_alarms": 2,
        "refine_ms": 2,
    },
    measure=measure,
    interval=two_level_interval,
    tables=_tables,
    kept=_kept,
)
"""Missions of moving bodies."""
