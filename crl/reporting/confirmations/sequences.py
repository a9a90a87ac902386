"""Confirmations of task sequences: what is measured of a run that learned one task after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crl.reporting.confirmations.kind import Kind, Record
from crl.reporting.statistics import Interval, mean, t_interval
from crl.reporting.tables.kinds import Number
from crl.reporting.tables.table import Column, Table
from crl.training.metrics.matrix import just_learned

KEPT = (
    *("method", "fit", "matrix_tasks", "matrix", "matrix_return", "average_success", "average_return"),
    *("forgetting", "forgetting_return", "kept_bytes", "cpu_minutes", "env_steps", "fingerprint", "commit"),
)
"""What the page's JSON keeps of a run."""


def measure(record: Record, quantity: str) -> float:
    """A quantity of one run; NaN where it has none."""
    if quantity in ("learned", "learned_return"):
        matrix = record["matrix_return" if quantity == "learned_return" else "matrix"]
        scores = just_learned(matrix, range(len(record["matrix_tasks"])))
        return math.nan if None in scores else float(np.mean(np.array(scores, dtype=np.float64)))
    value = record[{"success": "average_success", "return": "average_return"}.get(quantity, quantity)]
    return math.nan if value is None else float(value)


def _interval(values: Sequence[NDArray[np.float64]]) -> Interval:
    """Student's interval over runs. Tasks of a run vary together, so that a run is what varies independently."""
    runs = [float(mean(np.asarray(group)[None])) for group in values if len(group)]
    return t_interval(np.array(runs)) if runs else Interval(math.nan, math.nan, math.nan)


def _tables(records: Sequence[Record], methods: Sequence[str]) -> list[tuple[str, Table]]:
    return [("By task: final return, mean over runs", _by_task(records, methods))]


def _by_task(records: Sequence[Record], methods: Sequence[str]) -> Table:
    """Final return of every task (in alphabetical order, since runs may have orders of their own)."""
    names = sorted({name for record in records for name in record["matrix_tasks"]})
    rows = []
    for name in names:
        row: list[str | float] = [name]
        for method in methods:
            ours = [record for record in records if record["method"] == method]
            final = [r["matrix_return"][-1][r["matrix_tasks"].index(name)] for r in ours if name in r["matrix_tasks"]]
            known = [value for value in final if value is not None]
            row.append(sum(known) / len(known) if known else math.nan)
        rows.append(row)
    return Table.of([Column("task"), *(Column(method, Number(".1f")) for method in methods)], rows)


SEQUENCES = Kind(
    records="runs",
    design="{fits} seeds per method, each with an evaluation (and, where the suite says so, an order of the tasks) of "
    "its own, the same for all methods.",
    intervals=(
        "Brackets: 95 % intervals of Student's distribution over runs: the tasks of a run vary together. Ratios and "
        "differences are over pairs: the same seed, order and evaluation. A criterion is judged by the mean."
    ),
    quantities={
        "success": "share of successful episodes after the last task, mean over the tasks",
        "return": "return after the last task, mean over the tasks",
        "learned": "share of successful episodes of a task right after it was learned, mean over the tasks",
        "learned_return": "the same of the return",
        "forgetting": "loss of success from right after a task was learned to the end, mean over the earlier tasks",
        "forgetting_return": "the same of the return",
        "kept_bytes": "bytes of all that is kept at the end, constant part included",
        "cpu_minutes": "CPU time of the run (min)",
    },
    shown={
        "success": 3,
        "return": 1,
        "learned": 3,
        "learned_return": 1,
        "forgetting": 3,
        "forgetting_return": 1,
        "kept_bytes": 0,
        "cpu_minutes": 1,
    },
    measure=measure,
    interval=_interval,
    tables=_tables,
    kept=lambda record: {key: record[key] for key in KEPT},
)
"""Strategies on a sequence of tasks."""
