"""Writes docs/results/reach_monitor.md from the run folders that scripts/reproduce_reach_monitor.sh leaves.

usage: python scripts/page_reach_monitor.py [FOLDER OF RUNS] [FOLDER OF THE PAGE]
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib as mpl
import numpy as np

from crl.reporting.statistics import interval
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


SEEDS = range(5)
Runs = Mapping[str, Sequence[dict[str, Any]]]
"""Results of every agent, one per seed."""


def load(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Results of the runs that are finished."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in RUNS:
        for seed in SEEDS:
            path = folder / f"{name}_{seed}" / "results.json"
            if path.is_file():
                found.setdefault(name, []).append(json.loads(path.read_text()))
    return found


COLUMNS = (
    *(Column("agent"), Column("verdicts", Text(Style.STRONG)), Column("steps watched", Number(",d"))),
    *(Column("since decisions changed, least", Number(",d")), Column("frozen", Number(".0%"))),
    *(Column("change, last window", Estimate(4)), Column("trend per window", Estimate(2))),
    Column("return", Estimate(0)),
)


def row(name: str, runs: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
    """An agent's verdicts with their numbers, under :data:`COLUMNS`."""
    reaches = [results["reach"] for results in runs]
    verdicts = Counter(reach["kind"] for reach in reaches)
    trends = [reach["trend"][0] for reach in reaches if reach["trend"]]
    changes = [reach["recent_change"] for reach in reaches if reach["recent_change"] is not None]
    return (
        *(RUNS[name], ", ".join(f"{kind} {count} of {len(runs)}" for kind, count in verdicts.most_common())),
        *(reaches[0]["horizon"], min(reach["steps_since_behaviour_changed"] for reach in reaches)),
        fmean(reach["frozen_share"] for reach in reaches),
        interval(np.array(changes)) if changes else None,
        interval(np.array(trends)) if trends else None,
        interval(np.array([min(results["matrix_return"][-1]) for results in runs])),
    )


def figure(runs: Runs, path: Path) -> None:
    """Change of decisions over steps, one colour per agent and one line per seed."""
    fig, axes = plt.subplots(figsize=(8, 4), constrained_layout=True)
    for place, (name, every) in enumerate(runs.items()):
        for number, results in enumerate(every):
            changes = results["reach"]["changes"]
            points = [(change["step"], change["distance"]) for change in changes if change["distance"] is not None]
            about = {"color": f"C{place}", "linewidth": 0.8, "label": None if number else name}
            axes.plot(*zip(*points, strict=True), marker="o", markersize=2, **about)
    tolerance = next(iter(runs.values()))[0]["reach"]["tolerance"]
    axes.axhline(tolerance, color="grey", linestyle=":", label="tolerance")
    axes.set_yscale("symlog", linthresh=tolerance)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("environment steps")
    axes.set_ylabel("change of decisions per session\n(half action ranges)")
    axes.legend()
    fig.savefig(path, dpi=110)
    plt.close(fig)


def page(runs: Runs) -> list[str]:
    """The page's lines."""
    every = [results for found in runs.values() for results in found]
    first = every[0]
    minutes = sum(results["cpu_seconds"] for results in every) / 60
    commits = sorted({str(results.get("commit")) for results in every})
    seeds = sorted({results["seed"] for results in every})
    return [
        "# The reach monitor on cart-poles",
        "",
        "Written by `scripts/page_reach_monitor.py` from the run folders of",
        "",
        "    scripts/reproduce_reach_monitor.sh",
        "",
        f"Runs: commit {', '.join(commits)}, crl {first['version']}, seeds {', '.join(map(str, seeds))}, one thread, "
        f"{minutes:.1f} CPU minutes in all.",
        "",
        "Whether an agent's decisions still change, as the monitor of `crl.agents.monitor` reports it at the end of a "
        f"run: window {first['reach']['window']:,} steps, tolerance {first['reach']['tolerance']:g} half action "
        "ranges, 16 probes per task. Brackets: 95 % intervals over seeds.",
        "",
        *markdown(Table.of(COLUMNS, [row(name, found) for name, found in runs.items()])),
        "",
        f"In the monitor's words, seed {first['seed']}:",
        "",
        *(f"- {RUNS[name]}: {found[0]['reach']['text']}." for name, found in runs.items()),
        "",
        "![change of decisions per learning session](reach_monitor.png)",
        "",
        "*Trend*: factor per window by which the change per session grows or falls (Theil-Sen, last three windows). "
        "*Return*: the lowest mean return of the tasks at the end (200 is the most a pole pays).",
        "",
        "What it shows: whether the verdicts tell apart an agent that goes on learning, one that can't, and one whose "
        "step size vanishes. A verdict is an observation over the steps watched, and no proof about those to come.",
        "",
    ]


def main() -> None:
    """Read the runs, write the page, its picture and its numbers."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/reach_monitor")
    target = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/results")
    runs = load(source)
    missing = [f"{name}_{seed}" for name in RUNS for seed in SEEDS if not (source / f"{name}_{seed}").is_dir()]
    if missing or any(len(runs.get(name, [])) < len(SEEDS) for name in RUNS):
        sys.exit(f"{source} lacks finished runs, such as {missing[:3]}: run scripts/reproduce_reach_monitor.sh")
    figure(runs, target / "reach_monitor.png")
    kept = {
        name: [{key: results.get(key) for key in ("commit", "seed")} | results["reach"] for results in found]
        for name, found in runs.items()
    }
    (target / "reach_monitor.json").write_text(json.dumps(kept, indent=1) + "\n")
    (target / "reach_monitor.md").write_text("\n".join(page(runs)))
    print(f"wrote {target / 'reach_monitor.md'}")


if __name__ == "__main__":
    main()
