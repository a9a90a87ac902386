"""Tables of a page of results with any number of strategies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl.reporting.measures import MASTERED, Measures, Scale, finals, gather, shared_seeds, visited
from crl.reporting.runs import Groups
from crl.reporting.statistics import Interval, interval, iqm, paired_difference, probability_of_improvement, t_interval
from crl.reporting.tables.kinds import Bounds, Change, Composite, Estimate, Number, Of, YesNo
from crl.reporting.tables.table import Column, Table

Measured = Mapping[str, Sequence[Measures]]

ORDER = (
    "hypercrl",
    "hypercrl_chunked",
    "hypercrl_ewc",
    "hypercrl_si",
    "hypercrl_replay",
    "coreset",
    "ewc",
    "si",
    "gradient_projection",
    "pnn",
    "finetune",
    "finetune_heads",
    "multitask",
    "snapshot",
    "single",
    "sb3_sac",
    "random",
)
"""Strategies in the order in which pages show them; others follow by name."""


@dataclass(frozen=True)
class Comparison:
    """The average score of one method minus that of another.

    Attributes:
        seeds: Seeds that both have.
        difference: Mean difference over those seeds, paired, by bootstrap over seeds.
        student: The same with Student's interval.
        higher: In how many of the seeds the first is higher.
        improvement: Probability that a run of the first is higher on a task than one of the second, all runs.
        less_lost: Forgetting of the second minus that of the first, paired; ``None`` where it is not known.
        apart: Whether the two methods' own intervals (all seeds) have no number in common; ``None``: not both known.
    """

    seeds: tuple[int, ...]
    difference: Interval | None
    student: Interval | None
    higher: int
    improvement: Interval
    less_lost: Interval | None
    apart: bool | None


def ordered(names: Sequence[str]) -> list[str]:
    """Known strategies in their order, then the others by name."""
    return [name for name in ORDER if name in names] + sorted(set(names) - set(ORDER))


def compare(ours: Sequence[Measures], theirs: Sequence[Measures]) -> Comparison:
    """Compare two methods by their average scores."""
    seeds = shared_seeds(ours, theirs)
    own = [interval(finals(runs), whole_runs=True) for runs in (ours, theirs)]
    apart = not own[0].overlaps(own[1]) if own[0].known and own[1].known else None
    improvement = probability_of_improvement(finals(ours), finals(theirs), whole_runs=True)
    if not seeds:
        return Comparison((), None, None, 0, improvement, None, apart)
    mine, other = finals(ours, seeds), finals(theirs, seeds)
    lost = [{run.seed: run.values["forgetting"] for run in runs} for runs in (ours, theirs)]
    pairs = [(a, b) for seed in seeds if (a := lost[0][seed]) is not None and (b := lost[1][seed]) is not None]
    return Comparison(
        seeds=tuple(seeds),
        difference=paired_difference(mine, other, whole_runs=True),
        student=t_interval(mine - other),
        higher=int(((mine - other).mean(axis=1) > 0).sum()),
        improvement=improvement,
        less_lost=interval(np.array([b - a for a, b in pairs]), whole_runs=True) if pairs else None,
        apart=apart,
    )


def estimate(values: NDArray[np.float64]) -> Interval | None:
    """Mean with its interval over seeds; ``None`` where nothing is known."""
    return interval(values, whole_runs=True) if values.size else None


def scores_table(measured: Measured) -> Table:
    """What every strategy reaches and what it loses."""
    metrics = [
        ("forgetting", "forgetting"),
        ("forgetting (max)", "forgetting_from_best"),
        ("forward transfer", "forward_transfer"),
        ("final / just learned", "retention_ratio"),
        ("just learned / single", "transfer_ratio"),
    ]
    if any(gather(runs, "success").any() for runs in measured.values()):  # some tasks have no notion of it
        metrics.append(("success", "success"))
    columns = [Column("strategy"), Column("seeds", Number("d"))]
    columns += [Column(title, Estimate()) for title in ("average", "IQM", *(title for title, _ in metrics))]
    rows = [
        (
            name,
            len(runs),
            estimate(finals(runs)),
            interval(finals(runs), iqm, whole_runs=True),
            *(estimate(gather(runs, key)) for _, key in metrics),
        )
        for name, runs in measured.items()
    ]
    return Table.of(columns, rows)


def learning_table(measured: Measured) -> Table:
    """How fast every strategy learns, and what state its network is in; columns that nobody knows are left out."""

    def change(runs: Sequence[Measures], name: str) -> tuple[float, float] | None:
        first, last = (_average(runs, f"{name}_{end}") for end in ("first", "last"))
        return None if first is None or last is None else (first, last)

    parts: list[tuple[Column, Callable[[Sequence[Measures]], Any]]] = [
        (Column("speed / fresh model's", Estimate()), lambda runs: estimate(gather(runs, "speed"))),
        (Column(f"steps to {MASTERED}", Number(",.0f")), lambda runs: _average(runs, "reached")),
        (Column("tasks that reach it", Number(".0f", 100, " %")), lambda runs: _average(runs, "reached_share")),
        (Column("curve transfer (score)", Estimate()), lambda runs: estimate(gather(runs, "curve_transfer"))),
        (
            Column("curve transfer (success)", Estimate()),
            lambda runs: estimate(gather(runs, "curve_transfer_success")),
        ),
        (
            Column("forgetting over all tasks", Estimate()),
            lambda runs: estimate(gather(runs, "continual_world_forgetting")),
        ),
        (Column("dormant units, first → last task", Change(3)), lambda runs: change(runs, "dormant_units")),
        (Column("effective rank, first → last task", Change(1)), lambda runs: change(runs, "effective_rank")),
        (Column("as a share of the width", Change(2)), lambda runs: change(runs, "effective_rank_share")),
    ]
    rows = [(name, *(read(runs) for _, read in parts)) for name, runs in measured.items()]
    return Table.of([Column("strategy"), *(column for column, _ in parts)], rows).known()


def cost_table(groups: Groups) -> Table:
    """What every strategy spends and stores, means over its runs."""
    # Runs of before it was measured have no such column.
    constant = any(run.constant_bytes is not None for runs in groups.values() for run in runs)
    count = Number(",.0f")
    columns = [
        *(Column("strategy"), Column("env steps", count), Column("gradient steps", count)),
        *(Column("CPU min", Number(".1f")), Column("bytes per task, stated", count), Column("measured", count)),
        *([Column("kept once", count)] if constant else []),
        *(Column("revisits old data", Composite(_said)), Column("old rows read", count)),
    ]
    rows = []
    for name, runs in groups.items():
        means = [np.mean([run.results[key] for run in runs]) for key in ("env_steps", "gradient_steps", "cpu_seconds")]
        answers = [run.revisits_data for run in runs]
        rows.append(
            (
                *(name, means[0], means[1], means[2] / 60),
                _mean([run.stated_bytes for run in runs]),
                _mean([run.measured_bytes for run in runs]),
                *([_mean([run.constant_bytes for run in runs])] if constant else []),
                answers if any(answer is not None for answer in answers) else None,
                _mean([run.old_rows_read for run in runs]),
            )
        )
    return Table.of(columns, rows)


def differences_table(base: str, comparisons: Mapping[str, Comparison]) -> Table:
    """Every strategy against the base."""
    columns = [
        Column("strategy"),
        Column(f"seeds with {base} higher", Of()),
        Column(f"{base} minus it", Estimate()),
        Column("95 % t interval", Bounds()),
        Column("probability of improvement", Estimate(2)),
        Column("intervals apart", YesNo()),
        Column(f"its forgetting minus {base}'s", Estimate()),
    ]
    rows = [
        (
            *(name, (found.higher, len(found.seeds)), found.difference, found.student),
            *(found.improvement, found.apart, found.less_lost),
        )
        for name, found in comparisons.items()
    ]
    return Table.of(columns, rows)


def tasks_table(measured: Measured, scale: Scale) -> Table:
    """Mean final score per task."""
    kind = Number(".2f" if scale.normalised else ".1f")
    rows = [(name, *finals(runs).mean(axis=0)) for name, runs in measured.items()]
    return Table.of([Column("strategy"), *(Column(task, kind) for task in scale.tasks)], rows)


def returns_table(groups: Groups) -> Table:
    """Mean return per task, just after its last visit and after the last one of all; all tasks, normalised or not."""
    rows = []
    for name, runs in groups.items():
        matrix = np.mean([run.matrix("matrix_return") for run in runs], axis=0)
        last = enumerate(visited(runs[0], last=True))
        rows.append((name, *((matrix[row, column], matrix[-1, column]) for column, row in last)))
    tasks = next(iter(groups.values()))[0].results["matrix_tasks"]
    return Table.of([Column("strategy"), *(Column(task, Change(1)) for task in tasks)], rows)


def speeds_table(measured: Measured, visits: Sequence[str]) -> Table:
    """Mean learning speed against a fresh model per visit; not known where a run does not know it."""
    rows = []
    for name, runs in measured.items():
        per_visit = [[run.speeds[visit] for run in runs] for visit in range(len(visits))]
        known = [[speed for speed in speeds if speed is not None] for speeds in per_visit]
        rows.append((name, *(float(np.mean(speeds)) if speeds else None for speeds in known)))
    return Table.of([Column("strategy"), *(Column(visit, Number(".2f")) for visit in visits)], rows)


def _average(runs: Sequence[Measures], name: str) -> float | None:
    values = gather(runs, name)
    return float(values.mean()) if values.size else None


def _mean(numbers: Sequence[int | None]) -> float | None:
    """Mean of whole numbers where all are known."""
    known = [number for number in numbers if number is not None]
    return float(np.mean(known)) if known and len(known) == len(numbers) else None


def _said(answers: Sequence[bool | None]) -> str:
    said = {None: "-", True: "yes", False: "no"}
    return " / ".join(sorted({said[answer] for answer in answers}))
