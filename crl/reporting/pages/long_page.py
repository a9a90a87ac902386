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
WORSE = 0.8
"""Share of a fresh model's return below which a task counts as forgotten."""

Run = Mapping[str, Any]


def paired(run: Run, fresh: Sequence[Run]) -> Sequence[Run]:
    """The fresh models of a run's own seed; all of them, if there are none of that seed."""
    return [each for each in fresh if each.get("seed") == run.get("seed")] or fresh


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
        totals = [sum(float(np.mean(each["curves"][task])) for task in tasks) for each in paired(run, fresh)]
        reference = np.mean(totals)
        shares.append(own / float(reference))
    return shares


def retention(runs: Sequence[Run], fresh: Sequence[Run] | None) -> list[float | None]:
    """How well all tasks are done at the end of the sequence, as a mean over a strategy's runs.

    Args:
        runs: Runs with ``all_tasks``: mean return of every task at the end, in the order in which they were learned.
        fresh: Runs with a model of its own for each task.

    Returns:
        Mean return over all tasks; over the ten that were learned first; the first as a share of the fresh models';
        the number of tasks that return less than ``WORSE`` of what their fresh model does.
    """
    ends = [[run["all_tasks"][name] for name in run["curves"]] for run in runs]
    all_tasks, first = (float(np.mean([np.mean(end[:count]) for end in ends])) for count in (None, TEN))
    if fresh is None:
        return [all_tasks, first, None, None]
    shares, worse = [], []
    for run in runs:
        alone = paired(run, fresh)
        reference = {name: float(np.mean([each["all_tasks"][name] for each in alone])) for name in run["curves"]}
        mine = {name: run["all_tasks"][name] for name in reference}
        shares.append(sum(mine.values()) / sum(reference.values()))
        worse.append(sum(mine[name] < WORSE * each for name, each in reference.items()))
    return [all_tasks, first, float(np.mean(shares)), float(np.mean(worse))]


def table(found: Mapping[str, Sequence[Run]]) -> Table:
    """A row per strategy."""
    count, share = Number(",.0f"), Number(".2f")
    columns = [
        *(Column("strategy", Text(Style.CODE)), Column("seeds", Number("d"))),
        *(Column("speed, first ten", share), Column("speed, tasks 41 to 50", share), Column("speed, last ten", share)),
        *(Column("return at the end", Number(".1f")), Column("the same, first ten", Number(".1f"))),
        *(Column("share of a fresh model's", share), Column("lengths below 0.8 of it", Number(".0f"))),
        *(Column("bytes, constant", count), Column("bytes per task", count), Column("CPU", count, "s")),
    ]
    rows = []
    for name, runs in found.items():
        shares = np.array([speeds(run, found[REFERENCE]) for run in runs]).mean(axis=0) if REFERENCE in found else None
        held = [
            float(np.mean(values)) if (values := [run[key] for run in runs if run[key] is not None]) else None
            for key in ("bytes_constant", "bytes_per_task")
        ]
        speed = (
            [None] * 3 if shares is None else [float(shares[0]), float(shares[len(shares) // 2 - 1]), float(shares[-1])]
        )
        seconds = float(np.mean([run["cpu_seconds"] for run in runs]))
        rows.append([name, len(runs), *speed, *retention(runs, found.get(REFERENCE)), *held, seconds])
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


def page(found: Mapping[str, Sequence[Run]], remarks: str = "") -> str:
    """The page in Markdown.

    Args:
        found: Runs by strategy, as ``scripts/measure_long.py`` collects them.
        remarks: What is to be said beside the figures, in Markdown.
    """
    commits = sorted({str(run["commit"]) for runs in found.values() for run in runs})
    lines = [
        "# A hundred pole lengths in sequence",
        "",
        "Written by `scripts/measure_long.py FOLDER`, which also makes the runs: `crl train env=cartpole_100 "
        f"continual=STRATEGY` (quick profile). Runs: commit {', '.join(commits)}. Page: commit {commit()}.",
        "",
        "*Speed*: mean return of the training episodes of ten tasks, as a share of that of `single`, which learns each "
        "length with a fresh model. *Return at the end*: all hundred lengths after the last one was learned, two "
        "episodes each; *the same, first ten*: those learned first. *Lengths below 0.8 of it*: how many return less "
        "than 0.8 of what their fresh model returns.",
        "",
        *markdown(table(found)),
        "",
        *findings(found),
        "",
        remarks,
    ]
    return "\n".join(lines).rstrip() + "\n"
