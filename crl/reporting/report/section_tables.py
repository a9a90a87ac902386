"""The tables of a section, for every format; :mod:`crl.reporting.pages.sequence_tables` makes most of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crl.reporting.pages import sequence_tables as tables
from crl.reporting.pages.parts import time_table
from crl.reporting.report import missions
from crl.reporting.report.summary import Summary
from crl.reporting.report.table import Table
from crl.reporting.tables import duration

BRACKETS = "Brackets: 95 % bootstrap intervals over seeds, whole runs drawn again (5,000 resamples, fixed seed)."


def scores(summary: Summary) -> Table:
    """What every method reaches and what it loses."""
    return Table.of_lines("scores", "Scores", tables.scores_table(summary.measured), BRACKETS).known()


def interquartile(summary: Summary) -> Table:
    """Interquartile means with both kinds of interval."""
    rows = [
        (name, str(len(runs)), summary.iqm[name].format(3), tables.bracket(summary.iqm_strata[name]))
        for name, runs in summary.measured.items()
    ]
    return Table(
        "iqm",
        "Interquartile mean of the final scores",
        ("method", "seeds", "IQM, whole runs", "tasks as strata"),
        tuple(rows),
        "Mean of the middle half of all final scores (seeds × tasks). Whole runs: seeds are drawn again with all their "
        "tasks, which one run learned together. Tasks as strata: each task's scores are drawn on their own (Agarwal "
        "et al. 2021); too narrow where a run's tasks vary together.",
    )


def against(summary: Summary) -> Table | None:
    """Every method against the base."""
    if not summary.comparisons:
        return None
    lines = tables.differences_table(summary.base, summary.comparisons)
    return Table.of_lines("against", f"Against {summary.base}", lines, f"Paired by seed. {BRACKETS}").known()


def improvement(summary: Summary) -> Table | None:
    """Probability of improvement of every method (row) over every other (column)."""
    if len(summary.methods) < 2:
        return None
    rows = [
        (one, *("-" if one == other else summary.improvement[one, other].format(2) for other in summary.methods))
        for one in summary.methods
    ]
    return Table(
        "improvement",
        "Probability of improvement",
        ("row over column", *summary.methods),
        tuple(rows),
        "Share of pairs of runs, per task, in which the row's scores higher; ties count half. " + BRACKETS,
    )


def per_task(summary: Summary) -> list[Table]:
    """Final score and return of every task."""
    made = []
    if summary.scale.normalised:
        lines = tables.tasks_table(summary.measured, summary.scale)
        made.append(Table.of_lines("tasks", "Score after the last task", lines, "Means over seeds."))
    lines = tables.returns_table(summary.section.groups)
    note = "Just after the task's last visit → after the last task of all, means over seeds."
    return [*made, Table.of_lines("returns", "Returns, just learned → final", lines, note)]


def matrix(summary: Summary, method: str) -> Table:
    """A method's reward matrix."""
    runs = summary.measured[method]
    digits = 3 if summary.scale.normalised else 1
    mean = np.mean([run.matrix for run in runs], axis=0)
    rows = [
        (f"{place + 1}. {task}", *("" if not np.isfinite(value) else f"{value:.{digits}f}" for value in row))
        for place, (task, row) in enumerate(zip(summary.section.visits, mean, strict=True))
    ]
    head = ("after learning", *summary.scale.tasks)
    return Table(
        f"matrix_{method}", f"Reward matrix of {method}", head, tuple(rows), f"Mean {summary.unit} over seeds."
    )


def learning(summary: Summary) -> list[Table]:
    """Speed of learning and state of the network."""
    lines = tables.learning_table(summary.measured)
    made = []
    if lines[0].count("|") > 2:
        made.append(Table.of_lines("learning", "Learning and plasticity", lines, BRACKETS))
    if any(speed is not None for runs in summary.measured.values() for run in runs for speed in run.speeds):
        lines = tables.speeds_table(summary.measured, summary.section.visits)
        note = "Area under the training curve over a fresh model's; 1 is as fast."
        made.append(Table.of_lines("speeds", "Learning speed per task", lines, note))
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
    made = [Table.of_lines("cost", "Cost and memory", tables.cost_table(groups), note).known()]
    if any(run.results.get("time") for runs in groups.values() for run in runs):
        made.append(Table.of_lines("time", "CPU seconds by phase", time_table(groups), "Median over runs."))
    return made


def runs(summary: Summary) -> Table:
    """Every run of the section."""
    rows = []
    for name, members in summary.section.groups.items():
        for run, measured in zip(members, summary.measured[name], strict=True):
            digits = 3 if summary.scale.normalised else 1
            rows.append(
                (
                    run.path.name,
                    name,
                    str(run.seed),
                    f"{np.mean(measured.final):.{digits}f}",
                    f"{run.results.get('env_steps', 0):,}",
                    duration(float(run.results.get("cpu_seconds") or 0)),
                    str(run.results.get("version", "-")),
                    run.commit or "-",
                )
            )
    head = ("run", "method", "seed", f"mean {summary.unit}", "env steps", "CPU", "crl", "commit")
    return Table("runs", "Runs", head, tuple(rows))


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
        *cost(summary),
        runs(summary),
    ]
    return [table for table in made if table is not None]


def _costed(results: dict[str, object]) -> bool:
    needed = ("env_steps", "gradient_steps", "cpu_seconds", "time", "decision_ms")
    return all(key in results for key in needed)
