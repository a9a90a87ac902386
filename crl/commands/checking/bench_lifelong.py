"""The command ``crl bench lifelong``: what learning costs that goes on for very many tasks."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from crl.commands.arguments import out, say
from crl.errors import CrlError


def lifelong(
    tasks: Annotated[int, typer.Option(min=1, max=10_000, help="Tasks that are learned.")] = 1000,
    protect: Annotated[
        int, typer.Option(min=1, max=10_000, help="Earlier tasks that a learning step protects (continual.protect).")
    ] = 2,
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
    from crl.benchmarks.tables import lifelong_table
    from crl.reporting.tables.terminal import terminal

    with tempfile.TemporaryDirectory(prefix="crl_lifelong_") as place:
        found = measure_lifelong(tasks, protect, Path(place), evaluate=evaluate, steps=steps, told=say)
    out.print(terminal(lifelong_table(found)))
    for kind, growth in found["growth"].items():
        say(f"protect={kind}: a step after {found['tasks']:,} tasks takes {growth} times the step after two")
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if plot is not None:
        plot_lifelong(found, plot)
