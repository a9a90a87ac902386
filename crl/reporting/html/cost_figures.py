"""What methods spend and store: CPU time by phase, bytes per task, samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crl.reporting.html import intervals
from crl.reporting.html.block import Block, Figure
from crl.reporting.html.shown import size
from crl.reporting.report import section_tables as tables
from crl.reporting.report.summary import Summary
from crl.reporting.statistics import interval


def cost(summary: Summary) -> Block | None:
    """The block on cost; ``None`` where no run recorded any."""
    found = tables.cost(summary)
    if not found:
        return None
    figures = []
    phases = [
        (name, {kind: float(np.mean([_cpu(run.results, kind) for run in runs])) / 60 for kind in _kinds(summary)})
        for name, runs in summary.section.groups.items()
    ]
    if _kinds(summary):
        label = f"CPU minutes per run by phase, of {len(phases)} methods"
        drawn = intervals.stacked(phases, label, "CPU minutes per run, mean", lambda value: f"{value:.1f} min")
        figures.append(Figure([drawn], "Time", "Evaluations included.", found[1:]))
    memory = _rows(summary, lambda run: run.measured_bytes if run.measured_bytes is not None else run.stated_bytes)
    if any(row.interval is not None for row in memory):
        label = "Bytes that each method stores per task, logarithmic"
        drawn = intervals.forest(memory, label, "bytes per task", size, log=True)
        note = "Measured where a run did so, else as stated; at the left end: nothing."
        figures.append(Figure([drawn], "Memory", note))
    steps = _rows(summary, lambda run: run.results.get("env_steps"))
    if len({row.interval.value for row in steps if row.interval}) > 1:
        drawn = intervals.forest(
            steps, "Environment steps per run, by method", "environment steps per run", lambda value: f"{value:,.0f}"
        )
        figures.append(Figure([drawn], "Samples"))
    return Block("cost", "Cost", _samples(summary), figures=figures, tables=found[:1])


def _samples(summary: Summary) -> str:
    steps = {int(run.results.get("env_steps") or 0) for run in summary.section.runs}
    cpu = sum(float(run.results.get("cpu_seconds") or 0) for run in summary.section.runs) / 3600
    each = f"{steps.pop():,}" if len(steps) == 1 else f"{min(steps):,} to {max(steps):,}"
    return f"{each} environment steps per run, {cpu:.1f} CPU hours in all ({len(summary.section.runs)} runs)."


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
