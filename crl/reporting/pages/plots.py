"""Plots of continual learning for papers and pages: reward matrices and learning curves (needs ``crl[viz]``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl.reporting.runs import RunRecord
from crl.text import counted

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette: safe for colour-blind readers."""


def sequence_figure(
    groups: Mapping[str, Sequence[RunRecord]], out: Path, *, measure: str = "matrix", label: str = "success rate"
) -> None:
    """Draw, per strategy, the mean reward matrix, and beside it the final score per task with its spread.

    Args:
        groups: Runs by strategy.
        out: PNG to write.
        measure: ``matrix`` (success rates) or ``matrix_return``.
        label: Name of the measure.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = len(groups) + 1
    figure, axes = plt.subplots(1, columns, figsize=(3.6 * columns + 1.2, 3.9), layout="constrained")
    means = {name: _mean([run.matrix(measure) for run in runs]) for name, runs in groups.items()}
    top = max(float(np.nanmax(mean)) for mean in means.values())
    for axis, (name, runs) in zip(axes, groups.items(), strict=False):
        names = runs[0].results["matrix_tasks"]
        picture = axis.imshow(means[name], vmin=0, vmax=max(top, 1e-9), cmap="cividis")
        for (row, column), value in np.ndenumerate(means[name]):
            if np.isfinite(value):
                shade = "black" if value > 0.6 * top else "white"
                text = f"{value:.2f}" if top <= 2 else f"{value:.0f}"
                axis.text(column, row, text, ha="center", va="center", color=shade, fontsize=8)
        axis.set_title(f"{name} ({counted(len(runs), 'seed')})")
        axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axis.set_xlabel("evaluated on")
        axis.set_yticks(range(len(means[name])), [visit["task"] for visit in runs[0].results["visits"]])
        axis.set_ylabel("after learning" if axis is axes[0] else "")
    figure.colorbar(picture, ax=axes[: len(groups)].tolist(), label=label, shrink=0.8)
    _final_scores(axes[-1], groups, measure, label)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def _final_scores(axis: Any, groups: Mapping[str, Sequence[RunRecord]], measure: str, label: str) -> None:
    width = 0.8 / len(groups)
    names = next(iter(groups.values()))[0].results["matrix_tasks"]
    for index, (name, runs) in enumerate(groups.items()):
        final = np.array([run.matrix(measure)[-1] for run in runs])
        at = np.arange(len(names)) + (index - (len(groups) - 1) / 2) * width
        axis.bar(at, final.mean(axis=0), width=width, color=COLOURS[index % len(COLOURS)], label=name)
        for row in final:
            axis.plot(at, row, ".", color="black", markersize=3)
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axis.set_ylabel(f"{label} at the end (dots: seeds)")
    axis.legend(fontsize=8)


def curves_figure(groups: Mapping[str, Sequence[RunRecord]], out: Path, *, window: int = 10) -> None:
    """Draw success of training episodes (moving mean within a task) over environment steps, a thin line per seed.

    Task names stand where the first seed of the first strategy began them.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(10, 3.6), layout="constrained")
    for index, (name, runs) in enumerate(groups.items()):
        for order, run in enumerate(runs):
            # Tasks without a notion of success have no such curve.
            judged = (line for line in run.lines("episode") if line["success"] is not None)
            visits = [list(lines) for _, lines in groupby(judged, key=lambda line: line["task"])]
            for visit, lines in enumerate(visits):
                steps = np.array([line["step"] for line in lines])
                success = _moving([float(line["success"]) for line in lines], window)
                label = name if order == visit == 0 else None
                axis.plot(steps, success, color=COLOURS[index % len(COLOURS)], alpha=0.7, lw=1, label=label)
                if index == order == 0:
                    axis.text(steps[0], 1.04, lines[0]["task"], fontsize=8)
    axis.set_xlabel("environment steps (validation included)")
    axis.set_ylabel(f"success of the last {window}\ntraining episodes")
    axis.set_ylim(-0.02, 1.12)
    axis.legend(fontsize=8, loc="lower right")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def _mean(matrices: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.asarray(np.mean(np.stack(matrices), axis=0))


def _moving(values: Sequence[float], window: int) -> NDArray[np.float64]:
    return np.array([np.mean(values[max(0, i - window + 1) : i + 1]) for i in range(len(values))])
