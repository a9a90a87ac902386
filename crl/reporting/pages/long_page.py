"""The page of a hundred tasks in sequence: learning speed and retention against the number of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from crl.reporting.tables.kind import Style
from crl.reporting.tables.kinds import Number, Text
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table
from crl.training.runs.provenance import commit

REFERENCE = "single"
TEN = 10
"""Tasks that are taken together."""
AS_FAST = 0.95
"""Share of a fresh model's training return that counts as learning as fast."""

Run = Mapping[str, Any]


def speeds(run: Run, fresh: Sequence[Run]) -> list[float]:
    """Training return as a share of a fresh model's, for each ten tasks in the order of the sequence.

    Args:
        run: A run, with ``curves``: training returns by task, in the order in which tasks were learned.
        fresh: Runs with a model of its own for each task.
    """
    names = list(run["curves"])
    shares = []
    for first in range(0, len(names), TEN):
        tasks = names[first : first + TEN]
        own = sum(float(np.mean(run["curves"][task])) for task in tasks)
        reference = np.mean([sum(float(np.mean(each["curves"][task])) for task in tasks) for each in fresh])
        shares.append(own / float(reference))
    return shares


def table(found: Mapping[str, Sequence[Run]]) -> Table:
    """A row per strategy."""
    count, share = Number(",.0f"), Number(".2f")
    columns = [
        *(Column("strategy", Text(Style.CODE)), Column("seeds", Number("d"))),
        *(Column("speed, first ten", share), Column("speed, tasks 41 to 50", share), Column("speed, last ten", share)),
        *(Column("mean return at the end", Number(".1f")), Column("success", share)),
        *(Column("bytes, constant", count), Column("bytes per task", count), Column("CPU", count, "s")),
    ]
    rows = []
    for name, runs in found.items():
        shares = np.array([speeds(run, found[REFERENCE]) for run in runs]).mean(axis=0) if REFERENCE in found else None
        means = {
            key: float(np.mean([run[key] for run in runs]))
            for key in ("average_return", "average_success", "cpu_seconds")
        }
        held = [
            float(np.mean(values)) if (values := [run[key] for run in runs if run[key] is not None]) else None
            for key in ("bytes_constant", "bytes_per_task")
        ]
        speed = (
            [None] * 3 if shares is None else [float(shares[0]), float(shares[len(shares) // 2 - 1]), float(shares[-1])]
        )
        returned = [means["average_return"], means["average_success"]]
        rows.append([name, len(runs), *speed, *returned, *held, means["cpu_seconds"]])
    return Table.of(columns, rows)


def findings(found: Mapping[str, Sequence[Run]]) -> list[str]:
    """What the last ten tasks show, in sentences."""
    if REFERENCE not in found:
        return []
    last = {
        name: float(np.mean([speeds(run, found[REFERENCE])[-1] for run in runs]))
        for name, runs in found.items()
        if name != REFERENCE
    }
    fast = [f"`{name}` ({share:.2f})" for name, share in last.items() if share >= AS_FAST]
    slow = [f"`{name}` ({share:.2f})" for name, share in last.items() if share < AS_FAST]
    return [
        f"- The last ten tasks are learned at {AS_FAST:g} of a fresh model's training return or better by: "
        f"{', '.join(fast) or 'none'}.",
        f"- Slower: {', '.join(slow) or 'none'}.",
    ]


def page(found: Mapping[str, Sequence[Run]]) -> str:
    """The page in Markdown.

    Args:
        found: Runs by strategy, as ``scripts/measure_long.py`` collects them.
    """
    commits = sorted({str(run["commit"]) for runs in found.values() for run in runs})
    lines = [
        "# A hundred pole lengths in sequence",
        "",
        "Written by `scripts/measure_long.py FOLDER`, which also makes the runs: `crl train env=cartpole_100 "
        f"continual=STRATEGY` (quick profile). Runs: commit {', '.join(commits)}. Page: commit {commit()}.",
        "",
        "*Speed*: mean return of the training episodes of ten tasks, as a share of that of `single`, which learns each "
        "length with a fresh model. *Mean return* and *success* are those of the last evaluation, of a few tasks that "
        "were drawn, the same for all.",
        "",
        *markdown(table(found)),
        "",
        *findings(found),
    ]
    return "\n".join(lines).rstrip() + "\n"
