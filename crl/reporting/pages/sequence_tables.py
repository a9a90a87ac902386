"""Tables of a page of results with any number of strategies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crl.reporting.measures import MASTERED, Measures, Scale, finals, gather, shared_seeds, visited
from crl.reporting.pages.parts import markdown_table
from crl.reporting.runs import Groups
from crl.reporting.statistics import Interval, interval, iqm, paired_difference, probability_of_improvement, t_interval

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


def cell(values: NDArray[np.float64], digits: int = 3) -> str:
    """Mean with its interval over seeds, or ``-``."""
    return interval(values, whole_runs=True).format(digits) if values.size else "-"


def bracket(found: Interval | None) -> str:
    """Only the interval, ``[0.88, 0.97]``, or ``-``."""
    text = found.format(3) if found is not None else ""
    return text[text.index("[") :] if "[" in text else "-"


def scores_table(measured: Measured) -> list[str]:
    """What every strategy reaches and what it loses."""
    columns = [
        ("forgetting", "forgetting"),
        ("forgetting (max)", "forgetting_from_best"),
        ("forward transfer", "forward_transfer"),
        ("final / just learned", "retention_ratio"),
        ("just learned / single", "transfer_ratio"),
    ]
    if any(gather(runs, "success").any() for runs in measured.values()):  # some tasks have no notion of it
        columns.append(("success", "success"))
    rows = []
    for name, runs in measured.items():
        found = interval(finals(runs), iqm, whole_runs=True).format(3)
        values = [cell(gather(runs, key)) for _, key in columns]
        rows.append([name, str(len(runs)), cell(finals(runs)), found, *values])
    return markdown_table(["strategy", "seeds", "average", "IQM", *(head for head, _ in columns)], rows)


def learning_table(measured: Measured) -> list[str]:
    """How fast every strategy learns, and what state its network is in; columns that nobody knows are left out."""

    def whole(runs: Sequence[Measures], name: str) -> str:
        return f"{value:,.0f}" if (value := _average(runs, name)) is not None else "-"

    def change(runs: Sequence[Measures], name: str, digits: int) -> str:
        first, last = (_average(runs, f"{name}_{end}") for end in ("first", "last"))
        return "-" if first is None or last is None else f"{first:.{digits}f} → {last:.{digits}f}"

    columns: list[tuple[str, Callable[[Sequence[Measures]], str]]] = [
        ("speed / fresh model's", lambda runs: cell(gather(runs, "speed"))),
        (f"steps to {MASTERED}", lambda runs: whole(runs, "reached")),
        ("tasks that reach it", lambda runs: _percent(_average(runs, "reached_share"))),
        ("curve transfer (score)", lambda runs: cell(gather(runs, "curve_transfer"))),
        ("curve transfer (success)", lambda runs: cell(gather(runs, "curve_transfer_success"))),
        ("forgetting over all tasks", lambda runs: cell(gather(runs, "continual_world_forgetting"))),
        ("dormant units, first → last task", lambda runs: change(runs, "dormant_units", 3)),
        ("effective rank, first → last task", lambda runs: change(runs, "effective_rank", 1)),
        ("as a share of the width", lambda runs: change(runs, "effective_rank_share", 2)),
    ]
    table = [[make(runs) for _, make in columns] for runs in measured.values()]
    known = [column for column in range(len(columns)) if any(row[column] != "-" for row in table)]
    rows = [[name, *(row[column] for column in known)] for name, row in zip(measured, table, strict=True)]
    return markdown_table(["strategy", *(columns[column][0] for column in known)], rows)


def cost_table(groups: Groups) -> list[str]:
    """What every strategy spends and stores, means over its runs."""
    rows = []
    # Runs of before it was measured have no such column.
    constant = any(run.constant_bytes is not None for runs in groups.values() for run in runs)
    for name, runs in groups.items():
        means = [np.mean([run.results[key] for run in runs]) for key in ("env_steps", "gradient_steps", "cpu_seconds")]
        rows.append(
            [
                name,
                f"{means[0]:,.0f}",
                f"{means[1]:,.0f}",
                f"{means[2] / 60:.1f}",
                _count([run.stated_bytes for run in runs]),
                _count([run.measured_bytes for run in runs]),
                *([_count([run.constant_bytes for run in runs])] if constant else []),
                _said([run.revisits_data for run in runs]),
                _count([run.old_rows_read for run in runs]),
            ]
        )
    head = ["strategy", "env steps", "gradient steps", "CPU min"]
    stored = ["bytes per task, stated", "measured", *(["kept once"] if constant else [])]
    return markdown_table([*head, *stored, "revisits old data", "old rows read"], rows)


def differences_table(base: str, comparisons: Mapping[str, Comparison]) -> list[str]:
    """Every strategy against the base."""
    rows = []
    for name, found in comparisons.items():
        difference, lost = (each.format(3) if each else "-" for each in (found.difference, found.less_lost))
        higher = f"{found.higher} of {len(found.seeds)}"
        apart = "-" if found.apart is None else "yes" if found.apart else "no"
        rows.append([name, higher, difference, bracket(found.student), found.improvement.format(2), apart, lost])
    head = ["strategy", f"seeds with {base} higher", f"{base} minus it", "95 % t interval"]
    head += ["probability of improvement", "intervals apart", f"its forgetting minus {base}'s"]
    return markdown_table(head, rows)


def tasks_table(measured: Measured, scale: Scale) -> list[str]:
    """Mean final score per task."""
    digits = 2 if scale.normalised else 1
    rows = [[name, *(f"{value:.{digits}f}" for value in finals(runs).mean(axis=0))] for name, runs in measured.items()]
    return markdown_table(["strategy", *scale.tasks], rows)


def returns_table(groups: Groups) -> list[str]:
    """Mean return per task, just after its last visit and after the last one of all; all tasks, normalised or not."""
    rows = []
    for name, runs in groups.items():
        matrix = np.mean([run.matrix("matrix_return") for run in runs], axis=0)
        pairs = [(matrix[row, column], matrix[-1, column]) for column, row in enumerate(visited(runs[0], last=True))]
        rows.append([name, *(f"{first:.1f} → {final:.1f}" for first, final in pairs)])
    return markdown_table(["strategy", *next(iter(groups.values()))[0].results["matrix_tasks"]], rows)


def speeds_table(measured: Measured, visits: Sequence[str]) -> list[str]:
    """Mean learning speed against a fresh model per visit; ``-`` where a run does not know it."""
    rows = []
    for name, runs in measured.items():
        per_visit = [[run.speeds[visit] for run in runs] for visit in range(len(visits))]
        known = [[speed for speed in speeds if speed is not None] for speeds in per_visit]
        rows.append([name, *(f"{np.mean(speeds):.2f}" if speeds else "-" for speeds in known)])
    return markdown_table(["strategy", *visits], rows)


def _average(runs: Sequence[Measures], name: str) -> float | None:
    values = gather(runs, name)
    return float(values.mean()) if values.size else None


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _count(numbers: Sequence[int | None]) -> str:
    """Mean of whole numbers where all are known."""
    known = [number for number in numbers if number is not None]
    return f"{np.mean(known):,.0f}" if known and len(known) == len(numbers) else "-"


def _said(answers: Sequence[bool | None]) -> str:
    said = {None: "-", True: "yes", False: "no"}
    return " / ".join(sorted({said[answer] for answer in answers}))
