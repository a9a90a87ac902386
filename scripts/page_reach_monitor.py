"""Writes docs/results/reach_monitor.md from the run folders that scripts/reproduce_reach_monitor.sh leaves.

usage: python scripts/page_reach_monitor.py [FOLDER OF RUNS] [FOLDER OF THE PAGE]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

from crl.reporting.statistics import Interval
from crl.reporting.tables.kind import Style
from crl.reporting.tables.kinds import Estimate, Number, Text
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table

mpl.use("Agg")
from matplotlib import pyplot as plt

RUNS = {
    "learning": "HyperCRL, two pole lengths in turn, step size constant",
    "frozen": "the same agent afterwards, learning switched off",
    "one_task": "fine-tuning, one pole length, step size constant",
    "vanishing": "the same with a step size that falls by a quarter per session",
}


def load(folder: Path) -> dict[str, dict[str, Any]]:
    """Results of the runs that are finished."""
    found = {name: folder / name / "results.json" for name in RUNS}
    return {name: json.loads(path.read_text()) for name, path in found.items() if path.is_file()}


COLUMNS = (
    *(Column("agent"), Column("verdict", Text(Style.STRONG)), Column("steps watched", Number(",d"))),
    *(Column("since element changed", Number(",d")), Column("since decisions changed", Number(",d"))),
    *(Column("frozen", Number(".0%")), Column("change, last window", Number(".4f"))),
    *(Column("trend per window", Estimate(2)), Column("return", Number(".0f"))),
)


def row(name: str, results: dict[str, Any]) -> tuple[Any, ...]:
    """One run's verdict with its numbers, under :data:`COLUMNS`."""
    reach = results["reach"]
    trend = reach["trend"]
    return (
        *(RUNS[name], reach["kind"], reach["horizon"]),
        *(reach["steps_since_change"], reach["steps_since_behaviour_changed"]),
        *(reach["frozen_share"], reach["recent_change"]),
        Interval(*trend) if trend and trend[1] is not None else None,
        min(results["matrix_return"][-1]),
    )


def figure(runs: dict[str, dict[str, Any]], path: Path) -> None:
    """Change of decisions over steps, one line per run."""
    fig, axes = plt.subplots(figsize=(8, 4), constrained_layout=True)
    for name, results in runs.items():
        changes = results["reach"]["changes"]
        points = [(change["step"], change["distance"]) for change in changes if change["distance"] is not None]
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
    tolerance = next(iter(runs.values()))["reach"]["tolerance"]
    axes.axhline(tolerance, color="grey", linestyle=":", label="tolerance")
    axes.set_yscale("symlog", linthresh=tolerance)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("environment steps")
    axes.set_ylabel("change of decisions per session\n(half action ranges)")
    axes.legend()
    fig.savefig(path, dpi=110)
    plt.close(fig)


def page(runs: dict[str, dict[str, Any]]) -> list[str]:
    """The page's lines."""
    first = next(iter(runs.values()))
    minutes = sum(results["cpu_seconds"] for results in runs.values()) / 60
    commits = sorted({str(results.get("commit")) for results in runs.values()})
    return [
        "# The reach monitor on cart-poles",
        "",
        "Written by `scripts/page_reach_monitor.py` from the run folders of",
        "",
        "    scripts/reproduce_reach_monitor.sh",
        "",
        f"Runs: commit {', '.join(commits)}, crl {first['version']}, seed {first['seed']}, one thread, "
        f"{minutes:.1f} CPU minutes in all.",
        "",
        "Whether an agent's decisions still change, as the monitor of `crl.agents.monitor` reports it at the end of a "
        f"run: window {first['reach']['window']:,} steps, tolerance {first['reach']['tolerance']:g} half action "
        "ranges, 16 probes per task.",
        "",
        *markdown(Table.of(COLUMNS, [row(name, results) for name, results in runs.items()])),
        "",
        "In the monitor's words:",
        "",
        *(f"- {RUNS[name]}: {results['reach']['text']}." for name, results in runs.items()),
        "",
        "![change of decisions per learning session](reach_monitor.png)",
        "",
        "*Trend*: factor per window by which the change per session grows or falls, with its 95 % interval (Theil-Sen, "
        "last three windows). *Return*: the lowest mean return of the tasks at the end (200 is the most a pole pays).",
        "",
        "What it shows: the verdicts tell apart an agent that goes on learning, one that can't, and one whose step "
        "size vanishes. What it doesn't: one seed each; a verdict is an observation over the steps watched, and no "
        "proof about those to come.",
        "",
    ]


def main() -> None:
    """Read the runs, write the page, its picture and its numbers."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/reach_monitor")
    target = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/results")
    runs = load(source)
    if set(runs) != set(RUNS):
        sys.exit(
            f"{source} lacks finished runs of {sorted(set(RUNS) - set(runs))}: run scripts/reproduce_reach_monitor.sh"
        )
    figure(runs, target / "reach_monitor.png")
    kept = {name: {"commit": results.get("commit"), **results["reach"]} for name, results in runs.items()}
    (target / "reach_monitor.json").write_text(json.dumps(kept, indent=1) + "\n")
    (target / "reach_monitor.md").write_text("\n".join(page(runs)))
    print(f"wrote {target / 'reach_monitor.md'}")


if __name__ == "__main__":
    main()
