"""The picture of :mod:`crl.benchmarks.lifelong`: cost against the number of tasks (needs ``crl[viz]``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

COLOURS = ("#D55E00", "#0072B2")
"""Of Okabe and Ito's palette: the full sum, and drawn tasks."""


def plot_lifelong(found: Mapping[str, Any], out: Path) -> None:
    """Draw time per step, memory, checkpoints and evaluation against the number of tasks.

    Args:
        found: What :func:`crl.benchmarks.lifelong.measure_lifelong` returned.
        out: PNG, SVG or PDF to write.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    marks = found["marks"]
    tasks = [mark["tasks"] for mark in marks]
    figure, axes = plt.subplots(1, 4, figsize=(14, 3.4), layout="constrained")
    for kind, colour in zip(marks[0]["step_ms"], COLOURS, strict=False):
        label = f"{kind} drawn tasks" if int(kind) else "all tasks"
        axes[0].plot(tasks, [mark["step_ms"][kind] for mark in marks], "o-", color=colour, label=label)
        memory = [mark["memory_beyond_mb"][kind] for mark in marks]
        if None not in memory:
            axes[1].plot(tasks, memory, "o-", color=colour, label=label)
    axes[2].plot(tasks, [mark["checkpoint_mb"] for mark in marks], "o-", color=COLOURS[1])
    drawn = found["evaluated_tasks"]
    axes[3].plot(tasks, [mark["evaluation_ms"] / 1e3 for mark in marks], "o-", color=COLOURS[1], label=f"{drawn} drawn")
    every = [mark["evaluation_of_all_ms"] / 1e3 for mark in marks]
    axes[3].plot(tasks, every, "--", color=COLOURS[0], label="all (computed)")
    titles = ("learning step (CPU ms)", "memory beyond Theta (MB)", "checkpoint (MB)", "evaluation (CPU s)")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_xscale("log")
        axis.set_xlabel("tasks learned")
        axis.set_title(title)
        axis.grid(alpha=0.3)
    for axis in axes[:3]:
        axis.set_ylim(bottom=0)
    axes[3].set_yscale("log")
    for axis in (axes[0], axes[3]):
        axis.legend(frameon=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)
