"""The tables of a section, for every format; :mod:`crl.reporting.pages.sequences.tables` makes most of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crl.reporting.pages.parts import time_table
from crl.reporting.pages.sequences import tables
from crl.reporting.report import lives, missions
from crl.reporting.report.runs_table import runs_table
from crl.reporting.report.summary import Summary
from crl.reporting.tables.kinds import Bounds, Estimate, Number
from crl.reporting.tables.table import Column, Table

BRACKETS = "Brackets: 95 % bootstrap intervals over seeds, whole runs drawn again (5,000 resamples, fixed seed)."


def scores(summary: Summary) -> Table:
    """What every method reaches and what it loses."""
    return tables.scores_table(summary.measured).named("scores", "Scores", BRACKETS).known()


def interquartile(summary: Summary) -> Table:
    """Interquartile means with both kinds of interval."""
    columns = [
        *(Column("method"), Column("seeds", Number("d"))),
        *(Column("IQM, whole runs", Estimate()), Column("tasks as strata", Bounds())),
    ]
    rows = [(name, len(runs), summary.iqm[name], summary.iqm_strata[name]) for name, runs in summary.measured.items()]
    return Table.of(columns, rows).named(
        "iqm",
        "Interquartile mean of the final scores",
        "Mean of the middle half of all final scores (seeds × tasks). Whole runs: seeds are drawn again with all their "
        "tasks, which one run learned together. Tasks as strata: each task's scores are drawn on their own (Agarwal "
        "et al. 2021); too narrow where a run's tasks vary together.",
    )


def against(summary: Summary) -> Table | None:
    """Every method against the base."""
    if not summary.comparisons:
        return None
    made = tables.differences_table(summary.base, summary.comparisons)
    return made.named("against", f"Against {summary.base}", f"Paired by seed. {BRACKETS}").known()


def improvement(summary: Summary) -> Table | None:
    """Probability of improvement of every method (row) over every other (column)."""
    if len(summary.methods) < 2:
        return None
    rows = [(one, *(summary.improvement.get((one, other)) for other in summary.methods)) for one in summary.methods]
    columns = [Column("row over column"), *(Column(name, Estimate(2)) for name in summary.methods)]
    note = "Share of pairs of runs, per task, in which the row's scores higher; ties count half. " + BRACKETS
    return Table.of(columns, rows).named("improvement", "Probability of improvement", note)


def per_task(summary: Summary) -> list[Table]:
    """Final score and return of every task."""
    made = []
    if summary.scale.normalised:
        found = tables.tasks_table(summary.measured, summary.scale)
        made.append(found.named("tasks", "Score after the last task", "Means over seeds."))
    note = "Just after the task's last visit → after the last task of all, means over seeds."
    returns = tables.returns_table(summary.section.groups)
    return [*made, returns.named("returns", "Returns, just learned → final", note)]


def matrix(summary: Summary, method: str) -> Table:
    """A method's reward matrix."""
    mean = np.mean([run.matrix for run in summary.measured[method]], axis=0)
    score = Number(summary.spec)
    columns = [Column("after learning"), *(Column(task, score, missing="") for task in summary.scale.tasks)]
    visits = enumerate(zip(summary.section.visits, mean, strict=True), 1)
    rows = [(f"{place}. {task}", *row) for place, (task, row) in visits]
    note = f"Mean {summary.unit} over seeds."
    return Table.of(columns, rows).named(f"matrix_{method}", f"Reward matrix of {method}", note)


def learning(summary: Summary) -> list[Table]:
    """Speed of learning and state of the network."""
    made = []
    found = tables.learning_table(summary.measured)
    if len(found.columns) > 1:
        made.append(found.named("learning", "Learning and plasticity", BRACKETS))
    if any(speed is not None for runs in summary.measured.values() for run in runs for speed in run.speeds):
        speeds = tables.speeds_table(summary.measured, summary.section.visits)
        note = "Area under the training curve over a fresh model's; 1 is as fast."
        made.append(speeds.named("speeds", "Learning speed per task", note))
    return made


def cost(summary: Summary) -> list[Table]:
    """What every method spends and stores."""
    known = {name: [run for run in runs if _costed(run.results)] for name, runs in summary.section.groups.items()}
    groups = {name: runs for name, runs in known.items() if runs}
    if not groups:
        return []
    note = (
        "Means over runs; environment steps without evaluations. Bytes per task: as the method states them, and by how "
        "much what a checkpoint keeps grows per earlier task; kept once: the rest of it, such as the network. A dash: "
        "not recorded."
    )
    made = [tables.cost_table(groups).named("cost", "Cost and memory", note).known()]
    if any(run.results.get("time") for runs in groups.values() for run in runs):
        made.append(time_table(groups).named("time", "CPU seconds by phase", "Median over runs."))
    return made


def runs(summary: Summary) -> Table:
    """Every run of the section."""
    means = {
        run.path: float(np.mean(measured.final))
        for name, members in summary.section.groups.items()
        for run, measured in zip(members, summary.measured[name], strict=True)
    }
    return runs_table(summary.section, f"mean {summary.unit}", Number(summary.spec), lambda run: means[run.path])


def of_section(summary: Summary) -> list[Table]:
    """All tables of a section, matrices included."""
    made: Sequence[Table | None] = [
        scores(summary),
        interquartile(summary),
        against(summary),
        improvement(summary),
        *per_task(summary),
        *(matrix(summary, name) for name in summary.methods),
        *learning(summary),
        *missions.tables(summary.section),
        *lives.tables(summary.section),
        *cost(summary),
        runs(summary),
    ]
    return [table for table in made if table is not None]


def _costed(results: dict[str, object]) -> bool:
    needed = ("env_steps", "gradient_steps", "cpu_seconds", "time", "decision_ms")
    return all(key in results for key in needed)
