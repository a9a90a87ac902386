"""The page of the doors' ablations: the recipe with one part missing, and the true simulator in the model's place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from crl.reporting.statistics import Interval, t_interval
from crl.reporting.tables.kind import Style
from crl.reporting.tables.kinds import Estimate, Number, Text
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table
from crl.training.runs.provenance import commit

VARIANTS = {
    "recipe": "nothing is changed",
    "no_script": "random episodes are coloured noise: no script brings the hand to the handle and closes it",
    "no_handover": "noise never takes over from the planner (`exploration.handover=0`)",
    "no_holding": "the reward pays for turning the handle, and not for holding it",
    "pose": "joints and a pose are seen, a whole twist is commanded (26 numbers, 7 commands)",
}
"""What each variant changes."""
SIMULATOR = "simulator"

Run = Mapping[str, Any]


def _percent(successes: Sequence[Sequence[bool]]) -> Interval:
    """Share of opened doors (%) over runs, each a list of episodes."""
    return t_interval(np.array([100 * np.mean(each) for each in successes]))


def table(found: Mapping[str, Sequence[Run]]) -> Table:
    """A row per variant.

    Args:
        found: Runs by variant, each with ``opened`` (successes of the last evaluation by door), ``steps`` by door and
            ``cpu_seconds``.
    """
    doors = list(dict.fromkeys(door for runs in found.values() for run in runs for door in run["opened"]))
    columns = [
        *(Column("variant", Text(Style.CODE)), Column("seeds", Number("d"))),
        *(Column(f"{door} (%)", Estimate(0)) for door in doors),
        *(
            Column("all (%)", Estimate(0)),
            Column("environment steps", Number(",.0f")),
            Column("CPU (min)", Number(".1f")),
        ),
    ]
    rows = []
    for name, runs in found.items():
        each = [_percent([run["opened"][door] for run in runs]) for door in doors]
        every = _percent([[one for door in doors for one in run["opened"][door]] for run in runs])
        steps = None if name == SIMULATOR else float(np.mean([sum(run["steps"].values()) for run in runs]))
        minutes = float(np.mean([run["cpu_seconds"] for run in runs])) / 60
        rows.append([name, len(runs), *each, every, steps, minutes])
    return Table.of(columns, rows)


def page(found: Mapping[str, Sequence[Run]], remarks: str) -> str:
    """The page in Markdown.

    Args:
        found: Runs by variant, as ``scripts/measure_door_ablations.py`` collects them.
        remarks: Remarks by hand, in Markdown.
    """
    commits = sorted({str(run["commit"]) for runs in found.values() for run in runs})
    seeds = sorted({int(run["seed"]) for runs in found.values() for run in runs})
    lines = [
        "# Doors: what each part of the recipe is worth",
        "",
        "Written by `scripts/measure_door_ablations.py FOLDER`, which also makes the runs: `crl train` with the quick "
        "profile of `door_open` (pull, lever -, lever +), one part changed at a time. "
        f"Seeds: {', '.join(map(str, seeds))}. Runs: commit {', '.join(commits)}. Page: commit {commit()}.",
        "",
        "Scores: share of opened doors after the last door, 10 episodes per door and seed. Brackets: 95 % t interval "
        "over seeds; of few seeds it is wide, and it may pass 0 or 100 %.",
        "",
        *markdown(table(found)),
        "",
        *(f"- `{name}`: {about}." for name, about in VARIANTS.items() if name in found),
    ]
    if SIMULATOR in found:
        lines += [
            f"- `{SIMULATOR}`: nothing is learned. The same planner with the same settings plans on the true "
            "simulator: an upper bound of what a learned model can reach with this planner and reward."
        ]
    return "\n".join([*lines, "", remarks.strip()]).rstrip() + "\n"
