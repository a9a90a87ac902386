"""The numbers of a section one by one, at full precision."""

from __future__ import annotations

import math
from collections.abc import Iterator

from crl.reporting.report import lives, missions
from crl.reporting.report.fact import Fact, alone
from crl.reporting.report.summary import Summary


def facts(summary: Summary) -> Iterator[Fact]:
    """All numbers of a section."""
    counts = {name: len(runs) for name, runs in summary.measured.items()}
    averages = {"average": summary.average, "iqm": summary.iqm, "iqm_tasks_as_strata": summary.iqm_strata}
    others = {name: found for name, found in summary.metrics.items() if name != "average"}
    for metric, by_method in {**averages, **others}.items():
        for method, found in by_method.items():
            yield Fact(method, counts[method], metric, found)
    yield from _missions(summary)
    yield from lives.facts(summary.section)
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
