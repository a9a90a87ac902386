"""Figures of a page with any number of strategies: scores, reward matrices, learning curves (``crl[viz]``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl.reporting.colour_range import colour_range
from crl.reporting.measures import Measures, Scale, finals
from crl.reporting.statistics import interval

Measured = Mapping[str, Sequence[Measures]]
BLUE, GREY, RED = "#0072B2", "#8c8c8c", "#D55E00"
PER_ROW = 4


def label_of(scale: Scale) -> str:
    """What the axis of scores is called."""
    return "normalised score (0 random, 1 single)" if scale.normalised else "return"


def scores_figure(measured: Measured, scale: Scale, out: Path) -> None:
    """Average score after the last task: a point with its interval per strategy, a dot per seed."""
    plt = _pyplot()
    names = list(measured)
    figure, axis = plt.subplots(figsize=(7.5, 1.2 + 0.38 * len(names)), layout="constrained")
    if scale.normalised:
        axis.axvline(1.0, color=GREY, lw=1, ls="--", zorder=0)
        axis.axvline(0.0, color=GREY, lw=1, ls=":", zorder=0)
    for place, name in enumerate(names):
        scores = finals(measured[name])
        found = interval(scores, whole_runs=True)
        axis.plot(scores.mean(axis=1), np.full(len(scores), place + 0.22), ".", color=GREY, ms=5)
        if found.known:
            axis.plot([found.low, found.high], [place, place], color=BLUE, lw=2.5, solid_capstyle="butt")
        axis.plot(
            found.value, place, "o" if found.known else "D", color=BLUE if found.known else "white", ms=7, mec=BLUE
        )
    axis.set_yticks(range(len(names)), [f"{name} ({len(measured[name])})" for name in names])
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlabel(f"average {label_of(scale)} after the last task")
    axis.set_title("strategy (seeds): mean and 95 % interval; dots: seeds; hollow: one seed, no interval", fontsize=9)
    axis.grid(axis="x", alpha=0.3)
    _save(figure, out)


def matrices_figure(measured: Measured, scale: Scale, rows: Sequence[str], out: Path) -> None:
    """Mean score on task j (column) after learning task i (row), a panel per strategy.

    Args:
        measured: Metrics by strategy.
        scale: The scale of the scores.
        rows: Names of the tasks in the order in which they were learned.
        out: PNG to write.
    """
    plt = _pyplot()
    means = {name: np.mean([run.matrix for run in runs], axis=0) for name, runs in measured.items()}
    low, high = (0.0, 1.0) if scale.normalised else colour_range(np.stack(list(means.values())))
    figure, axes = _panels(plt, len(means), width=3.1, height=2.7)
    for number, (axis, (name, mean)) in enumerate(zip(axes, means.items(), strict=True)):
        picture = axis.imshow(mean, vmin=low, vmax=high, cmap="cividis", aspect="auto")
        for (row, column), value in np.ndenumerate(mean):
            if np.isfinite(value):
                text = f"{100 * value:.0f}" if scale.normalised else f"{value:.0f}"
                shade = "black" if value > low + 0.6 * (high - low) else "white"
                axis.text(column, row, text, ha="center", va="center", color=shade, fontsize=6)
        axis.set_title(f"{name} ({len(measured[name])})", fontsize=9)
        axis.set_xticks(range(len(scale.tasks)), scale.tasks, rotation=60, ha="right", fontsize=6)
        axis.set_yticks(range(len(rows)), rows if number % PER_ROW == 0 else [], fontsize=6)
    label = "100 x score, mean of seeds" if scale.normalised else "return, mean of seeds"
    tall = 0.8 if len(means) <= PER_ROW else 0.4
    bar = figure.colorbar(picture, ax=axes, label=label, shrink=tall, aspect=25)
    if scale.normalised:
        bar.set_ticks([0, 0.5, 1], labels=["0", "50", "100"])
    figure.supxlabel("evaluated on", fontsize=9)
    figure.supylabel("after learning", fontsize=9)
    _save(figure, out)


def curves_figure(measured: Measured, scale: Scale, reference: str, out: Path) -> None:
    """Scores of training episodes over environment steps, a panel per strategy, a line per seed.

    The mean of the reference's curves lies behind in grey, where it has any.
    """
    plt = _pyplot()
    figure, axes = _panels(plt, len(measured), width=3.1, height=1.9, share=True)
    behind = _mean_line(measured.get(reference, ()))
    for axis, (name, runs) in zip(axes, measured.items(), strict=True):
        if behind is not None and name != reference:
            axis.plot(*behind, color=GREY, lw=1.2, label=f"{reference}, mean")
        for order, run in enumerate(runs):
            for number, (steps, scores) in enumerate(map(_line, run.curves)):
                label = "a seed" if order == number == 0 else None
                axis.plot(steps, scores, color=BLUE, alpha=0.6, lw=0.8, label=label)
        for curve in runs[0].curves:
            axis.axvline(curve.start, color=RED, lw=0.5, alpha=0.5)
        axis.set_title(f"{name} ({len(runs)})", fontsize=9)
        axis.tick_params(labelsize=7)
        if scale.normalised:
            axis.set_ylim(-0.04, 1.06)
    axes[0].legend(fontsize=6, loc="lower right")
    figure.supxlabel("environment steps (vertical lines: a task begins)", fontsize=9)
    figure.supylabel("score of training episodes" if scale.normalised else "return of training episodes", fontsize=9)
    _save(figure, out)


def _line(curve: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points at the ends of the episodes, on the run's axis."""
    return curve.start + np.cumsum(curve.steps, dtype=np.float64), np.array(curve.scores)


def _mean_line(runs: Sequence[Measures]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Mean over runs at every episode end of the first run, NaN between tasks; ``None`` where runs differ in steps."""
    lines = [[_line(curve) for curve in run.curves] for run in runs]
    flat = [(np.concatenate([x for x, _ in line]), np.concatenate([y for _, y in line])) for line in lines if line]
    if not flat or any(len(x) != len(flat[0][0]) or not np.array_equal(x, flat[0][0]) for x, _ in flat):
        return None
    ends = np.cumsum([len(x) for x, _ in lines[0]])[:-1]
    middle = np.mean([y for _, y in flat], axis=0)
    return np.insert(flat[0][0], ends, np.nan), np.insert(middle, ends, np.nan)


def _panels(plt: Any, count: int, *, width: float, height: float, share: bool = False) -> tuple[Any, list[Any]]:
    """A figure with a grid of panels, as many as needed."""
    columns = min(count, PER_ROW)
    rows = -(-count // columns)
    size = (width * columns + 1.0, height * rows + 0.8)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", sharex=share, sharey=share)
    flat = list(np.ravel(axes))
    for axis in flat[count:]:
        axis.remove()
    return figure, flat[:count]


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _save(figure: Any, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    _pyplot().close(figure)
