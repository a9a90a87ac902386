"""What methods spend and store: CPU time by phase, bytes per task, samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from crl.reporting.html.block import Block, Figure
from crl.reporting.html.drawing import intervals
from crl.reporting.report import section_tables as tables
from crl.reporting.report.summary import Summary
from crl.reporting.statistics import interval
from crl.reporting.tables.table import Table
from crl.reporting.tables.wording import duration, size
from crl.text import counted

UNITS = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))


def cost(summary: Summary) -> Block | None:
    """The block on cost; ``None`` where no run recorded any."""
    found = tables.cost(summary)
    if not found:
        return None
    figures = []
    phases = [
        (name, {kind: float(np.mean([_cpu(run.results, kind) for run in runs])) for kind in _kinds(summary)})
        for name, runs in summary.section.groups.items()
    ]
    if _kinds(summary):
        figures.append(_time(phases, found[1:]))
    memory = _rows(summary, lambda run: run.measured_bytes if run.measured_bytes is not None else run.stated_bytes)
    if any(row.interval is not None for row in memory):
        label = "Bytes that each method stores per task, logarithmic"
        drawn = intervals.forest(memory, label, "bytes per task", size, log=True)
        note = "Growth per task: measured where a run did so, else as stated."
        figures.append(Figure([drawn], "Memory per task", note))
    constant = _rows(summary, lambda run: run.constant_bytes)
    if any(row.interval is not None for row in constant):
        label = "Bytes that each method stores however many tasks there are, logarithmic"
        drawn = intervals.forest(constant, label, "bytes, whatever the number of tasks", size, log=True)
        figures.append(Figure([drawn], "Memory that does not grow", "What is kept once: networks and their snapshots."))
    steps = _rows(summary, lambda run: run.results.get("env_steps"))
    if len({row.interval.value for row in steps if row.interval}) > 1:
        drawn = intervals.forest(
            steps, "Environment steps per run, by method", "environment steps per run", lambda value: f"{value:,.0f}"
        )
        figures.append(Figure([drawn], "Samples"))
    return Block("cost", "Cost", _samples(summary), figures=figures, tables=found[:1])


def _time(phases: Sequence[tuple[str, dict[str, float]]], behind: Sequence[Table]) -> Figure:
    """Seconds by phase and method, drawn in a unit that suits them."""
    longest = max(sum(parts.values()) for _, parts in phases)
    unit, one = next((unit, one) for unit, one in UNITS if longest >= 2 * one or one == 1)
    rows = [(name, {kind: value / one for kind, value in parts.items()}) for name, parts in phases]
    label = f"CPU {unit} per run by phase, of {counted(len(phases), 'method')}"
    drawn = intervals.stacked(rows, label, f"CPU {unit} per run, mean", lambda value: duration(one * value))
    return Figure([drawn], "Time", "Evaluations included.", behind)


def _samples(summary: Summary) -> str:
    steps = {int(run.results.get("env_steps") or 0) for run in summary.section.runs}
    cpu = sum(float(run.results.get("cpu_seconds") or 0) for run in summary.section.runs)
    each = f"{steps.pop():,}" if len(steps) == 1 else f"{min(steps):,} to {max(steps):,}"
    runs = counted(len(summary.section.runs), "run")
    return f"{each} environment steps per run, {duration(cpu)} of CPU time in all ({runs})."


def _rows(summary: Summary, read: Callable[..., float | None]) -> list[intervals.Row]:
    rows = []
    for place, (name, runs) in enumerate(summary.section.groups.items()):
        values = [float(value) for run in runs if (value := read(run)) is not None]
        found = interval(np.array(values)) if values else None
        rows.append(intervals.Row(name, place, found, values, len(values)))
    return rows


def _kinds(summary: Summary) -> list[str]:
    return list(dict.fromkeys(kind for run in summary.section.runs for kind in run.results.get("time") or {}))


def _cpu(results: dict[str, dict[str, dict[str, float]]], kind: str) -> float:
    return float(results.get("time", {}).get(kind, {}).get("cpu", 0.0))
