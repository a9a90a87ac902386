"""Pictures of missions: the waypoints, the path flown, where the fault came, was identified, and went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

COLOURS = {"before": "#4477aa", "fault": "#ee7733", "after": "#228833"}
"""Paul Tol's bright palette, which survives colour blindness."""

LABELS = {"before": "before the fault", "fault": "with the fault", "after": "after it"}


def path_plot(records: Sequence[dict[str, Any]], folder: Path, file: Path) -> None:
    """Draw one panel per record of ``crl eval-missions``.

    Args:
        records: Missions, of ``results.json``.
        folder: The folder of the trials, which holds the paths.
        file: Picture to write (.png or .svg).
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = min(3, len(records))
    rows = -(-len(records) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(4.2 * columns, 4.0 * rows), squeeze=False, layout="constrained")
    axes = list(grid.flat)
    for axis, record in zip(axes, records, strict=False):
        _draw(axis, record, folder)
    for axis in axes[len(records) :]:
        axis.set_visible(False)
    handles, labels = max((axis.get_legend_handles_labels() for axis in axes), key=lambda found: len(found[1]))
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _draw(axis: Any, record: dict[str, Any], folder: Path) -> None:
    data = np.load(folder / f"missions/{record['method']}/{record['map']}/{record['mission']}-{record['seed']}.npz")
    path, points = data["path"], data["waypoints"]
    axis.plot(points[:, 0], points[:, 1], "o--", color="#999999", markersize=4, linewidth=1, label="planned")
    came, went = record["fault_came"], record["fault_went"]
    ends = [0, came if came is not None else len(path) - 1, went if went is not None else len(path) - 1, len(path) - 1]
    for name, begin, end in zip(COLOURS, ends[:-1], ends[1:], strict=True):
        if end > begin:
            part = path[begin : end + 1]
            axis.plot(part[:, 0], part[:, 1], color=COLOURS[name], linewidth=1.6, label=f"flown, {LABELS[name]}")
    for step, marker, label in ((came, "X", "fault comes"), (went, "P", "fault goes")):
        if step is not None and record["fault"]:
            axis.plot(*path[step, :2], marker, color="black", markersize=8, label=label)
    if record["steps_to_identify"] is not None:
        found = path[came + record["steps_to_identify"], :2]
        axis.plot(*found, "*", color="#aa3377", markersize=11, label="identified")
    outcome = "completed" if record["completed"] else record["crash"] or f"{record['reached']} of {record['waypoints']}"
    axis.set_title(f"{record['method']}, {record['mission']}\n{outcome}, {record['steps']} steps", fontsize=9)
    axis.set_aspect("equal")
    axis.set_xlabel("x (m)")
    axis.set_ylabel("y (m)")
