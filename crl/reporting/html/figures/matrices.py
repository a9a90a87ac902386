"""Reward matrices as small heat maps, one per method, by score and by success."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from crl.reporting.colour_range import colour_range
from crl.reporting.html.block import Block, Figure
from crl.reporting.html.drawing import heatmap
from crl.reporting.html.drawing.shown import Show, shows
from crl.reporting.report import section_tables as tables
from crl.reporting.report.summary import Summary
from crl.reporting.statistics import interval
from crl.text import counted


def matrices(summary: Summary) -> Block:
    """The block of reward matrices; tabs choose between scores and success, where tasks know success."""
    figures = [
        _matrix_figure(
            summary,
            summary.unit,
            [run.matrix for runs in summary.measured.values() for run in runs],
            shows(summary),
            True,
        )
    ]
    if summary.has_success:
        columns = list(summary.scale.columns)
        found = [run.matrix()[:, columns] for runs in summary.section.groups.values() for run in runs]
        figures.append(_matrix_figure(summary, "success rate", found, lambda value: f"{value:.0%}", False))
    lead = "Rows: after learning this task. Columns: evaluated on this task. Means over seeds."
    return Block("matrices", "Reward matrices", lead, figures=figures)


def _matrix_figure(summary: Summary, unit: str, found: Sequence[np.ndarray], show: Show, scores: bool) -> Figure:
    counts = [len(runs) for runs in summary.measured.values()]
    ends = np.cumsum([0, *counts])
    means = {name: np.mean(found[ends[i] : ends[i + 1]], axis=0) for i, name in enumerate(summary.methods)}
    known = np.concatenate([mean[np.isfinite(mean)] for mean in means.values()])
    fixed = not scores or summary.scale.normalised
    low, high = (0.0, 1.0) if fixed else colour_range(known)
    visits = [f"{place} {task}" for place, task in enumerate(summary.section.visits, 1)]
    drawn = []
    for i, (name, mean) in enumerate(means.items()):
        seeds = np.stack(found[ends[i] : ends[i + 1]])
        drawn.append(_one_matrix(summary, name, mean, seeds, visits, (low, high), unit, show, fixed))
    scale = heatmap.legend(low, high, f"{unit}; cells show 100 times it" if fixed else unit, show)
    behind = [tables.matrix(summary, name) for name in summary.methods] if scores else []
    title = f"{unit[0].upper()}{unit[1:]} on every task after every task"
    return Figure(drawn, title, "", behind, scale, group="matrix", tab=unit)


def _one_matrix(
    summary: Summary,
    name: str,
    mean: np.ndarray,
    seeds: np.ndarray,
    visits: Sequence[str],
    ends: tuple[float, float],
    unit: str,
    show: Show,
    percent: bool,
) -> str:
    def tip(row: int, column: int) -> str:
        found = interval(seeds[:, row, column], resamples=1000) if np.isfinite(seeds[:, row, column]).all() else None
        bounds = f" [{show(found.low)}, {show(found.high)}]" if found is not None and found.known else ""
        where = f"{summary.scale.tasks[column]} after {summary.section.visits[row]}"
        return f"{name}, {where}: {unit} {show(mean[row, column])}{bounds}"

    def cell(value: float) -> str:
        return f"{100 * value:.0f}".replace("-", "−") if percent else f"{value:.0f}".replace("-", "−")

    label = f"Reward matrix of {name}: {unit}, mean of {counted(len(seeds), 'seed')}"
    grid = heatmap.Grid(mean, visits, summary.scale.tasks, label, tip, cell)
    seeds_text = counted(len(seeds), "seed") if len(seeds) > 1 else "one seed"
    head = f"<h5>{escape(name)} <small>{seeds_text}</small></h5>"
    third = " third" if len(summary.scale.tasks) < 7 else ""
    return f'<div class="panel{third}">{head}{heatmap.matrix(grid, *ends)}</div>'
