"""All metrics of a group of comparable runs of one task sequence, on normalised scores.

A score is a return on the scale of its task: 0 is a uniformly random policy, 1 the mean over the runs of ``single``, a
new model per task, just after it learned that task. Tasks that no run of ``single`` has learned have no score; if there
is no such run at all, the scores are plain returns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl.reporting.runs import Groups, RunRecord
from crl.training.metrics import curves as metrics_curves
from crl.training.metrics import matrix as metrics
from crl.training.metrics.curves import Curve

REFERENCE = "single"
MASTERED = 0.8
"""Normalised training score that counts as having learned a task, for the steps that it takes."""


@dataclass(frozen=True)
class Scale:
    """How returns become scores.

    Attributes:
        tasks: Names of the tasks that have a score, in the order of their first visit.
        columns: Their columns in the runs' matrices.
        zero: Return of the random policy, by task.
        one: Return of the reference, by task.
        normalised: Whether there was a reference; if not, scores are returns.
        left_out: Why tasks have no score, by task.
        drawn: Where the last evaluations were of a sample of the tasks: how many of how many.
    """

    tasks: tuple[str, ...]
    columns: tuple[int, ...]
    zero: Mapping[str, float]
    one: Mapping[str, float]
    normalised: bool
    left_out: Mapping[str, str] = field(default_factory=dict)
    drawn: tuple[int, int] | None = None

    @property
    def sampled(self) -> str | None:
        """A sentence on the sample, if it is one."""
        if self.drawn is None:
            return None
        return (
            f"The last evaluation was of {self.drawn[0]:,} of {self.drawn[1]:,} tasks, which were drawn at random, the "
            "same for all runs: scores are means over these, and intervals do not cover the choice of tasks (the "
            "estimates in each results.json do)."
        )

    def score(self, task: str, value: float) -> float:
        """A return as a score."""
        return (value - self.zero[task]) / (self.one[task] - self.zero[task])


@dataclass(frozen=True)
class Measures:
    """Metrics of one run; see :mod:`crl.training.metrics.matrix`. ``None``: not known or not defined.

    Attributes:
        seed: Seed of the run.
        final: Score per task after the last visit, [tasks].
        matrix: Scores [visits, tasks], NaN where nothing was evaluated.
        curves: Training scores, clipped to [0, 1] where scores are normalised, a curve per visit.
        speeds: Learning speed against a fresh model, per visit.
        reached: Training steps until :data:`MASTERED`, per visit.
        values: The metrics that are one number, by name.
    """

    seed: int
    final: tuple[float, ...]
    matrix: NDArray[np.float64]
    curves: tuple[Curve, ...]
    speeds: tuple[float | None, ...]
    reached: tuple[int | None, ...]
    values: Mapping[str, float | None]


def comparable(groups: Groups) -> tuple[dict[str, list[RunRecord]], list[str]]:
    """Runs that met the same tasks in the same order and were evaluated alike; the others come back as messages.

    The standard is what most runs have in common.
    """
    kinds: dict[str, int] = {}
    for run in (run for runs in groups.values() for run in runs):
        kinds[_kind(run)] = kinds.get(_kind(run), 0) + 1
    usual = max(kinds, key=lambda kind: kinds[kind]) if kinds else ""
    kept: dict[str, list[RunRecord]] = {}
    problems = []
    for name, runs in groups.items():
        for run in runs:
            if _kind(run) != usual:
                problems.append(f"{run.path.name} is left out: other tasks or evaluations than most runs here")
            elif not complete(run):
                problems.append(f"{run.path.name} is left out: its last evaluation is incomplete")
            else:
                kept.setdefault(name, []).append(run)
    return kept, problems


def scale(groups: Groups, zero: Mapping[str, float], singles: Sequence[RunRecord]) -> Scale:
    """The scale of the scores of comparable runs.

    Args:
        groups: Comparable runs by strategy.
        zero: Return of the random policy, by name of the task.
        singles: The runs of ``single`` that are the reference; they may have learned fewer tasks, or more.
    """
    some = next(iter(groups.values()))[0]
    every = tuple(some.results["matrix_tasks"])
    # Comparable runs draw the same tasks.
    columns = tuple(np.flatnonzero(np.isfinite(some.matrix("matrix_return")[-1])).tolist())
    tasks = tuple(every[column] for column in columns)
    drawn = (len(tasks), len(every)) if len(tasks) < len(every) else None
    if not singles:
        return Scale(tasks, columns, dict.fromkeys(tasks, 0.0), dict.fromkeys(tasks, 1.0), False, drawn=drawn)
    learned: dict[str, list[float]] = {}
    for run in singles:
        names, matrix = run.results["matrix_tasks"], run.matrix("matrix_return")
        for column, row in enumerate(visited(run, last=False)):
            if np.isfinite(matrix[row, column]):
                learned.setdefault(names[column], []).append(float(matrix[row, column]))
    one = {task: float(np.mean(learned[task])) for task in tasks if task in learned}
    left_out = {
        task: f"no run of `{REFERENCE}` has learned it"
        if task not in one
        else f"`{REFERENCE}` ({one[task]:.1f}) is not above random actions ({zero[task]:.1f})"
        for task in tasks
        if task not in one or not one[task] > zero[task]
    }
    kept = [column for column in columns if every[column] not in left_out]
    return Scale(tuple(every[column] for column in kept), tuple(kept), dict(zero), one, True, left_out, drawn)


def complete(run: RunRecord) -> bool:
    """Whether the last evaluation has all tasks that it should have: all, or those of a sample."""
    evaluated = np.isfinite(run.matrix("matrix_return")[-1])
    return bool(evaluated.any() if run.results["evaluation"].get("tasks") else evaluated.all())


def measure(groups: Groups, scale: Scale, singles: Sequence[RunRecord]) -> dict[str, list[Measures]]:
    """All metrics of all runs, by strategy; learning curves are compared with those of all runs of ``single``."""
    fresh: dict[str, list[Curve]] = {}
    fresh_success: dict[str, list[Curve]] = {}
    for run in singles:
        for found, made in ((fresh, _score_curves(run, scale)), (fresh_success, _success_curves(run))):
            for curve in _first_visits(made):
                found.setdefault(curve.task, []).append(curve)
    return {name: [_measure(run, scale, fresh, fresh_success) for run in runs] for name, runs in groups.items()}


def gather(runs: Sequence[Measures], name: str) -> NDArray[np.float64]:
    """One metric of several runs, [runs that know it]."""
    return np.array([value for run in runs if (value := run.values[name]) is not None], dtype=np.float64)


def finals(runs: Sequence[Measures], seeds: Sequence[int] | None = None) -> NDArray[np.float64]:
    """Scores after the last visit, [seeds, tasks]; of the given seeds, in their order, if there are any given."""
    by_seed = {run.seed: run.final for run in runs}
    return np.array([by_seed[seed] for seed in (by_seed if seeds is None else seeds)], dtype=np.float64)


def shared_seeds(ours: Sequence[Measures], theirs: Sequence[Measures]) -> list[int]:
    """Seeds that both have, ascending."""
    return sorted({run.seed for run in ours} & {run.seed for run in theirs})


def visited(run: RunRecord, *, last: bool) -> list[int]:
    """For every column the row of the first or the last visit of its task."""
    names = [visit["task"] for visit in run.results["visits"]]
    rows = {name: row for row, name in (enumerate(names) if last else reversed(list(enumerate(names))))}
    return [rows[name] for name in run.results["matrix_tasks"]]


def _measure(
    run: RunRecord, scale: Scale, fresh: Mapping[str, list[Curve]], fresh_success: Mapping[str, list[Curve]]
) -> Measures:
    zero, one = ([which[task] for task in scale.tasks] for which in (scale.zero, scale.one))
    returns = [[row[column] for column in scale.columns] for row in run.results["matrix_return"]]
    matrix = metrics.normalised(returns, zero, one)
    first, last = ([visited(run, last=end)[column] for column in scale.columns] for end in (False, True))
    reference = [1.0] * len(scale.tasks) if scale.normalised else None
    curves = _score_curves(run, scale)
    speeds = [metrics_curves.relative_speed(c, fresh[c.task]) if c.task in fresh else None for c in curves]
    reached = [metrics_curves.steps_to_reach(c, MASTERED) for c in curves] if scale.normalised else []
    success = metrics.average_performance(_evaluated(run, scale))
    values: dict[str, float | None] = {
        "average": metrics.average_performance(matrix),
        "success": success,
        "forgetting": metrics.forgetting(matrix, last),
        "forgetting_from_best": metrics.forgetting_from_best(matrix, last),
        "continual_world_forgetting": metrics.continual_world_forgetting(matrix, last),
        "forward_transfer": None if reference is None else metrics.forward_transfer(matrix, first, reference),
        "retention_ratio": metrics.retention_ratio(matrix, last) if scale.normalised else None,
        "transfer_ratio": None if reference is None else metrics.transfer_ratio(matrix, first, reference),
        "curve_transfer": _curve_transfer(curves, fresh) if scale.normalised else None,
        "curve_transfer_success": _curve_transfer(_success_curves(run), fresh_success),
        "speed": _mean(speeds[1:]) if scale.normalised else None,
        "reached": _mean([steps for steps in reached if steps is not None]),
        "reached_share": _mean([float(steps is not None) for steps in reached]),
    }
    for name in ("dormant_units", "effective_rank", "effective_rank_share"):
        known = run.plasticity(name)
        values[f"{name}_first"], values[f"{name}_last"] = known[0], known[-1]
    final = tuple(math.nan if value is None else value for value in matrix[-1])
    table = np.array([[math.nan if value is None else value for value in row] for row in matrix])
    return Measures(run.seed, final, table, tuple(curves), tuple(speeds), tuple(reached), values)


def _evaluated(run: RunRecord, scale: Scale) -> list[list[float | None]]:
    """Success rates of the tasks that were evaluated after the last one."""
    table: list[list[float | None]] = run.results["matrix"]
    if scale.drawn is None:
        return table
    columns = np.flatnonzero(np.isfinite(run.matrix("matrix_return")[-1])).tolist()
    return [[row[column] for column in columns] for row in table]


def _curve_transfer(curves: Sequence[Curve], fresh: Mapping[str, list[Curve]]) -> float | None:
    """Continual World's forward transfer, mean over the tasks on their first visits; as they do, from training scores.

    ``None`` if a task has no fresh curve, or the fresh models left nothing to gain, or nothing ever succeeds.
    """
    first = _first_visits(curves)
    if not first or any(curve.task not in fresh for curve in first):
        return None
    if not any(max(one.scores) > 0 for curve in first for one in (curve, *fresh[curve.task])):
        return None
    return _mean([metrics_curves.curve_transfer(curve, fresh[curve.task]) for curve in first])


def _score_curves(run: RunRecord, scale: Scale) -> list[Curve]:
    def score(line: Mapping[str, Any]) -> float:
        value = scale.score(line["task"], line["return"])
        return min(max(value, 0.0), 1.0) if scale.normalised else value

    return metrics_curves.curves((line for line in run.lines("episode") if line["task"] in scale.tasks), score)


def _success_curves(run: RunRecord) -> list[Curve]:
    # Tasks without a notion of success have no such curve.
    judged = (line for line in run.lines("episode") if line["success"] is not None)
    return metrics_curves.curves(judged, lambda line: float(line["success"]))


def _first_visits(curves: Sequence[Curve]) -> list[Curve]:
    return list({curve.task: curve for curve in reversed(curves)}.values())[::-1]


def _kind(run: RunRecord) -> str:
    return repr(([visit["task"] for visit in run.results["visits"]], run.results.get("evaluation")))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
