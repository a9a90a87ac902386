"""A section's blocks: from its summary to drawings and tables."""

from __future__ import annotations

import numpy as np

from crl.reporting.html.block import Block, Figure
from crl.reporting.html.drawing import heatmap, intervals
from crl.reporting.html.drawing.shown import Show, shows
from crl.reporting.html.figures.cost import cost
from crl.reporting.html.figures.learning import learning
from crl.reporting.html.figures.lives import lives
from crl.reporting.html.figures.matrices import matrices
from crl.reporting.measures import REFERENCE, finals, gather, visited
from crl.reporting.report import missions
from crl.reporting.report import section_tables as tables
from crl.reporting.report.summary import Summary
from crl.reporting.statistics import Interval
from crl.reporting.tables.kinds import Number
from crl.reporting.tables.table import Column, Table
from crl.text import counted


def blocks(summary: Summary) -> list[Block]:
    """All blocks of a section but those about its runs, in their order."""
    made = [
        _findings(summary),
        _scores(summary),
        matrices(summary),
        learning(summary),
        _forgetting(summary),
        _missions(summary),
        *lives(summary.section),
        _comparison(summary),
        cost(summary),
    ]
    return [block for block in made if block is not None]


def _findings(summary: Summary) -> Block:
    return Block("findings", "What it shows", summary.meaning, [*summary.said(), *summary.limits(), *summary.notes])


def _scores(summary: Summary) -> Block:
    show = shows(summary)
    rows = [
        intervals.Row(name, place, summary.iqm[name], finals(runs).mean(axis=1).tolist(), len(runs))
        for place, (name, runs) in enumerate(summary.measured.items())
    ]
    marks = [(0.0, "random"), (1.0, REFERENCE)] if summary.scale.normalised else []
    drawn = intervals.forest(
        rows,
        f"Interquartile mean of the final scores of {counted(len(rows), 'method')} with 95 % intervals",
        f"interquartile mean of the final {summary.unit}",
        show,
        marks=marks,
    )
    note = (
        "Point: interquartile mean over seeds × tasks; line: 95 % bootstrap interval, whole runs drawn again; small "
        "dots: the mean of each seed; hollow: one seed, no interval."
    )
    figure = Figure([drawn], "Scores after the last task", note, [tables.interquartile(summary)])
    return Block("scores", "Scores", figures=[figure], tables=[tables.scores(summary)])


def _forgetting(summary: Summary) -> Block:
    show = shows(summary)
    figures = []
    shown = (
        ("forgetting", "Forgetting", "score lost since the task was learned (less is better; below 0: gained)"),
        (
            "forward_transfer",
            "Forward transfer",
            "score just learned, minus a new model's (more is better)",
        ),
        ("curve_transfer", "Transfer while learning", "share of the area that a new model leaves (more is better)"),
    )
    for metric, title, axis in shown:
        rows = _metric_rows(summary, metric)
        if any(row.interval is not None for row in rows):
            label = f"{title} of {counted(len(rows), 'method')} with 95 % intervals"
            drawn = intervals.forest(rows, label, axis, show, marks=[(0.0, "")])
            figures.append(Figure([drawn], title))
    if len(set(summary.section.visits)) > 1:
        figures.append(_lost_figure(summary, show))
    found = tables.per_task(summary)
    return Block("forgetting", "Forgetting and transfer", figures=figures, tables=found[:-1], folded=found[-1:])


def _lost_figure(summary: Summary, show: Show) -> Figure:
    """Score lost on every task by every method."""
    rows = [visited(summary.section.runs[0], last=True)[column] for column in summary.scale.columns]
    table = np.array(
        [
            np.mean([run.matrix[rows, range(len(rows))] - run.matrix[-1] for run in runs], axis=0)
            for runs in summary.measured.values()
        ]
    )
    # Full colour is for what matters beside the scores themselves, not for the largest of small changes.
    scores = np.concatenate([run.matrix.ravel() for runs in summary.measured.values() for run in runs])
    least = 0.2 * (1.0 if summary.scale.normalised else float(np.nanmax(np.abs(scores), initial=0.0)))
    extent = max(float(np.nanmax(np.abs(table), initial=0.0)), least)

    def tip(row: int, column: int) -> str:
        return f"{summary.methods[row]} on {summary.scale.tasks[column]}: lost {show(table[row, column])}"

    digits = 2 if summary.scale.normalised else 0
    grid = heatmap.Grid(
        -table,
        summary.methods,
        summary.scale.tasks,
        "Change of the score of every task since it was learned, by method",
        tip,
        lambda value: _change(value, digits),
    )
    note = "Change from just after learning to the end, mean over seeds; vermilion: lost, blue: gained."
    columns = [Column("method"), *(Column(task, Number(summary.spec)) for task in summary.scale.tasks)]
    behind = Table.of(columns, [(name, *-row) for name, row in zip(summary.methods, table, strict=True)])
    behind = behind.named("change", "Change since learning")
    return Figure([heatmap.signed(grid, extent)], "What became of every task", note, [behind])


def _metric_rows(summary: Summary, metric: str) -> list[intervals.Row]:
    found = summary.metrics.get(metric, {})
    return [
        intervals.Row(name, place, found.get(name), gather(runs, metric).tolist(), len(runs))
        for place, (name, runs) in enumerate(summary.measured.items())
    ]


def _missions(summary: Summary) -> Block | None:
    """What became of the missions; ``None`` where none was flown."""
    found = missions.tables(summary.section)
    if not found:
        return None
    rows = []
    for place, (name, runs) in enumerate(summary.section.groups.items()):
        share, dots = missions.completed(runs)
        rows.append(intervals.Row(name, place, share, dots, len(dots)))
    label = f"Share of missions completed of {counted(len(rows), 'method')} with 95 % intervals"
    drawn = intervals.forest(
        rows, label, "share of missions completed", lambda value: f"{value:.0%}", marks=[(0.0, ""), (1.0, "")]
    )
    note = "A mission is completed when all its waypoints were reached; small dots: runs."
    figure = Figure([drawn], "Missions completed", note, [found[1]])
    return Block("missions", "Missions", figures=[figure], tables=found[:1])


def _comparison(summary: Summary) -> Block | None:
    behind, against = tables.improvement(summary), tables.against(summary)
    if behind is None or against is None:
        return None
    names = summary.methods
    blank = Interval(np.nan, np.nan, np.nan)
    found = [[summary.improvement.get((one, other), blank) for other in names] for one in names]

    def tip(row: int, column: int) -> str:
        return f"{names[row]} scores higher than {names[column]} with probability {found[row][column].format(2)}"

    values = np.array([[each.value for each in row] for row in found])
    grid = heatmap.Grid(
        values, names, names, "Probability of improvement of row over column", tip, lambda v: f"{v:.2f}"
    )
    note = (
        "Probability that a run of the row's method scores higher on a task than one of the column's (Agarwal et al. "
        "2021); blue: above one half, vermilion: below. Intervals stand in the table and at every cell."
    )
    figure = Figure([heatmap.signed(grid, 0.5, middle=0.5)], "Probability of improvement", note, [behind])
    return Block("comparison", "Methods compared", figures=[figure], tables=[against])


def _change(value: float, digits: int) -> str:
    """A signed number; what rounds to nothing has no sign."""
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if text.strip("+-0.") else "0"
