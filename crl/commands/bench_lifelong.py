"""The command ``crl bench lifelong``: what learning costs that goes on for very many tasks."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from crl.commands.arguments import out, say
from crl.console import PlainTable
from crl.errors import CrlError


def lifelong(
    tasks: Annotated[int, typer.Option(min=1, max=10_000, help="Tasks that are learned.")] = 1000,
    protect: Annotated[
        int, typer.Option(min=1, max=10_000, help="Earlier tasks that a learning step protects (continual.protect).")
    ] = 8,
    evaluate: Annotated[
        int, typer.Option(min=1, max=10_000, help="Earlier tasks that an evaluation plays (evaluation.tasks).")
    ] = 4,
    steps: Annotated[int, typer.Option(min=1, max=10_000, help="Gradient steps per task.")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw them there (PNG, SVG or PDF).")] = None,
) -> None:
    """Learn very many cheap tasks; measure step time, memory, checkpoints and evaluation as tasks come.

    The learning step is timed with the full sum of HyperCRL's regulariser as well. A thousand tasks take about 15
    minutes on one core.
    """
    if plot is not None and importlib.util.find_spec("matplotlib") is None:
        raise CrlError("a plot needs matplotlib, which is not installed", "pip install 'crl[viz]', or leave out --plot")
    from crl.benchmarks.lifelong import measure_lifelong
    from crl.benchmarks.plot import plot_lifelong

    with tempfile.TemporaryDirectory(prefix="crl_lifelong_") as place:
        found = measure_lifelong(tasks, protect, Path(place), evaluate=evaluate, steps=steps, told=say)
    out.print(lifelong_table(found))
    for kind, growth in found["growth"].items():
        say(f"protect={kind}: a step after {found['tasks']:,} tasks takes {growth} times the step after one")
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if plot is not None:
        plot_lifelong(found, plot)


def lifelong_table(found: dict[str, Any]) -> PlainTable:
    """What was measured, a row per number of tasks."""
    kinds = list(found["marks"][0]["step_ms"])
    table = PlainTable(title="cost against the number of tasks")
    table.add_column("tasks", justify="right")
    for kind in kinds:
        table.add_column(f"step, protect={kind} (ms)", justify="right")
    for kind in kinds:
        table.add_column(f"memory, protect={kind} (MB)", justify="right")
    for heading in ("checkpoint (MB)", "write (ms)", "read (ms)", "evaluated", "evaluation (s)", "of all (s)"):
        table.add_column(heading, justify="right")
    for mark in found["marks"]:
        memory = [mark["memory_beyond_mb"][kind] for kind in kinds]
        table.add_row(
            f"{mark['tasks']:,}",
            *(f"{mark['step_ms'][kind]:.1f}" for kind in kinds),
            *("-" if one is None else f"{one:.0f}" for one in memory),
            f"{mark['checkpoint_mb']:.1f}",
            f"{mark['save_ms']:.0f}",
            f"{mark['load_ms']:.0f}",
            f"{mark['evaluated']:,}",
            f"{mark['evaluation_ms'] / 1e3:.2f}",
            f"{mark['evaluation_of_all_ms'] / 1e3:.1f}",
        )
    return table
