"""The numbers of a report one by one, at full precision, for those who go on calculating with them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from crl.reporting.report import missions
from crl.reporting.report.summary import Summary
from crl.reporting.statistics import Interval


@dataclass(frozen=True)
class Fact:
    """One number.

    Attributes:
        method: Whose it is.
        seeds: How many seeds it was made of, or which.
        metric: What it is.
        value: The number, with its interval where it has one.
        visit: After which visit; empty: after all.
        task: On which task; empty: on all.
        other: The method that it compares with; empty: none.
    """

    method: str
    seeds: int | str
    metric: str
    value: Interval
    visit: str = ""
    task: str = ""
    other: str = ""


def alone(value: float) -> Interval:
    """A number without an interval."""
    return Interval(float(value), math.nan, math.nan)


def facts(summary: Summary) -> Iterator[Fact]:
    """All numbers of a section."""
    counts = {name: len(runs) for name, runs in summary.measured.items()}
    averages = {"average": summary.average, "iqm": summary.iqm, "iqm_tasks_as_strata": summary.iqm_strata}
    others = {name: found for name, found in summary.metrics.items() if name != "average"}
    for metric, by_method in {**averages, **others}.items():
        for method, found in by_method.items():
            yield Fact(method, counts[method], metric, found)
    yield from _missions(summary)
    for (one, other), found in summary.improvement.items():
        yield Fact(one, counts[one], "probability_of_improvement", found, other=other)
    for method, runs in summary.measured.items():
        for run in runs:
            for visit, task in enumerate(summary.section.visits):
                for column, evaluated in enumerate(summary.scale.tasks):
                    value = float(run.matrix[visit, column])
                    if not math.isnan(value):
                        where = {"visit": f"{visit + 1} {task}", "task": evaluated}
                        yield Fact(method, f"seed {run.seed}", "score", alone(value), **where)


def _missions(summary: Summary) -> Iterator[Fact]:
    """Share of completed missions of every method, and how far each mission came."""
    for method, runs in summary.section.groups.items():
        found, shares = missions.completed(runs)
        if found is not None:
            yield Fact(method, len(shares), "missions_completed", found)
        for run in runs:
            for flown in run.missions:
                where = {"visit": f"seed {flown['seed']}", "task": flown["mission"]}
                yield Fact(method, f"seed {run.seed}", "mission_reached", alone(flown["reached_fraction"]), **where)
