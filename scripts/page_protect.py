"""Writes docs/results/protect.md: what `continual.protect` costs in retention, on ten pole lengths.

The runs, resumable by the same command:

    crl sweep env=cartpole_length profile=full continual.protect=2,0 'seed=range(0,5)' sweep_dir=runs/protect

usage: python scripts/page_protect.py [FOLDER OF RUNS] [FOLDER OF THE PAGE]
Without runs, the page is written anew from its JSON file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crl.reporting.statistics import Interval, t_interval
from crl.reporting.tables.kinds import Estimate, Number
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table

FULL = 0
REACHED = (
    Column("protect (0: all)", Number("d")),
    Column("seeds", Number("d")),
    Column("average return", Number(".1f")),
    Column("forgetting of returns", Number(".1f")),
    Column("success", Number(".2f")),
)
COMPARED = (
    Column("protect", Number("d")),
    Column("pairs of seeds", Number("d")),
    Column("average return minus full sum's", Estimate(1)),
    Column("forgetting minus full sum's", Estimate(1)),
    Column("criterion"),
    Column("final return per task minus full sum's", Estimate(1)),
    Column("tasks x seeds", Number("d")),
)
Runs = Mapping[int, Mapping[int, Mapping[str, Any]]]
"""Results by ``continual.protect`` and seed."""


def gather(folder: Path) -> dict[int, dict[int, dict[str, Any]]]:
    """What the finished runs reached."""
    found: dict[int, dict[int, dict[str, Any]]] = {}
    for path in sorted(folder.glob("protect-*_s*/results.json")):
        results = json.loads(path.read_text(encoding="utf-8"))
        protect = int(path.parent.name.removeprefix("protect-").partition("_")[0])
        names = ("matrix_return", "matrix_tasks", "average_return", "forgetting_return", "average_success", "commit")
        found.setdefault(protect, {})[int(results["seed"])] = {name: results[name] for name in names}
    return found


def difference(runs: Runs, protect: int, name: str) -> tuple[list[int], Interval]:
    """Drawn tasks minus the full sum, paired by seed: the seeds, and the mean with its 95 % t interval."""
    seeds = sorted(set(runs[protect]) & set(runs.get(FULL, {})))
    values = [runs[protect][seed][name] - runs[FULL][seed][name] for seed in seeds]
    return seeds, t_interval(np.array(values, dtype=np.float64)) if values else Interval(np.nan, np.nan, np.nan)


def by_task(runs: Runs, protect: int) -> tuple[int, Interval]:
    """The same of every task's final return, over tasks and seeds: it does not cover the training seed."""
    seeds = sorted(set(runs[protect]) & set(runs.get(FULL, {})))
    values = [
        np.array(runs[protect][seed]["matrix_return"][-1]) - np.array(runs[FULL][seed]["matrix_return"][-1])
        for seed in seeds
    ]
    joined = np.concatenate(values) if values else np.array([])
    return len(joined), t_interval(joined) if len(joined) else Interval(np.nan, np.nan, np.nan)


def verdict(interval: Interval) -> str:
    """What an interval of a difference says."""
    if not interval.known:
        return "open: too few seeds"
    return "no difference shown" if not interval.excludes(0.0) else "different"


def page(runs: Runs) -> str:
    """The page."""
    rows = [
        [
            protect,
            len(of),
            *(float(np.mean([run[name] for run in of.values()])) for name in ("average_return", "forgetting_return")),
            float(np.mean([run["average_success"] for run in of.values()])),
        ]
        for protect, of in sorted(runs.items())
    ]
    compared = []
    for protect in (one for one in sorted(runs) if one != FULL):
        seeds, average = difference(runs, protect, "average_return")
        _, lost = difference(runs, protect, "forgetting_return")
        count, tasks = by_task(runs, protect)
        compared.append([protect, len(seeds), average, lost, verdict(average), tasks, count])
    lines = [
        "# Protecting a few drawn tasks instead of all",
        "",
        "HyperCRL on ten pole lengths (`env=cartpole_length profile=full`). With `continual.protect=m` each learning "
        "step protects m earlier tasks, drawn at random, instead of all of them.",
        "",
        "Written by `scripts/page_protect.py`; the command for the runs is in that script. Commits of the runs: "
        + ", ".join(sorted({str(run["commit"])[:7] for group in runs.values() for run in group.values()}))
        + ".",
        "",
        "Criterion, fixed before the runs: the average return after the last task with drawn tasks does not differ "
        "from that with all, by the 95 % t interval of the difference paired by seed. It needs two seeds at least; "
        "five are planned.",
        "",
        *markdown(Table.of(REACHED, rows)),
        "",
        *markdown(Table.of(COMPARED, compared)),
        "",
        "Final returns per task take each task of each seed as one difference. Its interval does not cover the "
        "training seed, so that it decides nothing.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    out = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/results")
    file = out / "protect.json"
    if len(sys.argv) > 1:
        file.write_text(json.dumps(gather(Path(sys.argv[1])), indent=1) + "\n", encoding="utf-8")
    plain = json.loads(file.read_text(encoding="utf-8"))
    runs = {int(protect): {int(seed): run for seed, run in of.items()} for protect, of in plain.items()}
    (out / "protect.md").write_text(page(runs), encoding="utf-8")


if __name__ == "__main__":
    main()
