"""Curves: performance while tasks are added, and training task after task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crl.reporting.html.block import Block, Figure
from crl.reporting.html.drawing import curves
from crl.reporting.html.drawing.curves import Line
from crl.reporting.html.drawing.shown import Show, shows
from crl.reporting.measures import REFERENCE
from crl.reporting.report import section_tables as tables
from crl.reporting.report.summary import Summary
from crl.reporting.statistics import Interval, interval
from crl.reporting.tables.kinds import Estimate
from crl.reporting.tables.table import Column, Table
from crl.text import counted


def learning(summary: Summary) -> Block:
    """The block of learning curves."""
    show = shows(summary)
    figures = []
    lines = [_seen_line(summary, name, place, show) for place, name in enumerate(summary.methods)]
    seen = [line for line in lines if line is not None]
    if seen and len(summary.section.visits) > 1:
        y = curves.y_range(seen, summary.scale.normalised)
        label = f"Mean {summary.unit} over the tasks seen so far, after every task, of {counted(len(seen), 'method')}"
        axis = "tasks learned"
        drawn = curves.overlay(seen, summary.section.visits, y, label, axis, summary.unit)
        note = "Mean over all tasks seen so far, evaluated after each task; surfaces: 95 % intervals over seeds."
        legend = [(line.place, line.name) for line in seen]
        behind = [_seen_table(summary, seen)]
        figures.append(Figure([drawn], "Performance while tasks are added", note, behind, legend=legend))
    trained = [
        line
        for place, (name, runs) in enumerate(summary.measured.items())
        if (line := curves.training_line(name, place, runs, show)) is not None
    ]
    if trained:
        figures.append(_training(summary, trained))
    found = tables.learning(summary)
    return Block("learning", "Learning curves", figures=figures, tables=found[:1], folded=found[1:])


def _training(summary: Summary, lines: Sequence[Line]) -> Figure:
    y = curves.y_range(lines, summary.scale.normalised)
    behind = next((line for line in lines if line.name == REFERENCE), None)
    drawn = []
    for line in lines:
        starts = [0.0, *(x for x, point in zip(line.x, line.points, strict=True) if point.value != point.value)][:-1]
        other = behind if line is not behind else None
        label = f"Training {summary.unit} of {line.name} over environment steps, with 95 % intervals"
        drawn.append(curves.panel(line, other, starts, y, label, f"grey: {REFERENCE}" if other else "", summary.unit))
    note = (
        f"{'Score' if summary.scale.normalised else 'Return'} of training episodes, exploration included; mean over "
        "seeds and 95 % interval; vertical lines: the next task begins."
    )
    return Figure(drawn, "Training, task after task", note, [_training_table(summary)])


def _seen_line(summary: Summary, name: str, place: int, show: Show) -> Line | None:
    """Mean score over the tasks seen so far, after each visit; only where all of them were evaluated."""
    tasks, visits = summary.scale.tasks, summary.section.visits
    points, tips = [], []
    for row in range(len(visits)):
        columns = [place for place, task in enumerate(tasks) if task in visits[: row + 1]]
        values = np.array([run.matrix[row, columns].mean() if columns else np.nan for run in summary.measured[name]])
        found = interval(values) if np.isfinite(values).all() else Interval(np.nan, np.nan, np.nan)
        points.append(found)
        bounds = f" [{show(found.low)}, {show(found.high)}]" if found.known else ""
        tips.append(f"{name} after {counted(row + 1, 'task')} ({visits[row]}): {show(found.value)}{bounds}")
    if not np.isfinite(points[-1].value):
        return None
    return Line(name, place, [float(row + 1) for row in range(len(visits))], points, tips)


def _seen_table(summary: Summary, lines: Sequence[Line]) -> Table:
    rows = [(line.name, *line.points) for line in lines]
    return Table.of(_by_visit(summary), rows).named("seen", "Mean over the tasks seen so far")


def _training_table(summary: Summary) -> Table:
    """Mean training score per visit, over the runs that know it."""
    rows = []
    for name, runs in summary.measured.items():
        cells: list[Interval | None] = []
        for visit in range(len(summary.section.visits)):
            means = [float(curves.resample(run.curves[visit], 1)[0]) for run in runs if len(run.curves) > visit]
            cells.append(interval(np.array(means)) if means else None)
        rows.append((name, *cells))
    return Table.of(_by_visit(summary), rows).named("training", "Mean training score per visit")


def _by_visit(summary: Summary) -> list[Column]:
    """A column per visit, behind that of the method."""
    kind = Estimate(3 if summary.scale.normalised else 1)
    return [Column("method"), *(Column(f"{at} {task}", kind) for at, task in enumerate(summary.section.visits, 1))]
