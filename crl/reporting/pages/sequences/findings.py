"""Sentences of a page of results that follow from its numbers, and say no more than these carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from crl.reporting.measures import Measures, Scale, finals, gather
from crl.reporting.pages.sequences.tables import Comparison, Measured
from crl.reporting.runs import Groups
from crl.reporting.statistics import interval, t_interval
from crl.text import counted

SMALL_LOSS = 0.05
"""Forgetting (normalised) above which a strategy is named as forgetting."""


def level(name: str, runs: Sequence[Measures], scale: Scale) -> str:
    """What a strategy reaches and loses."""
    unit = " of `single`'s score" if scale.normalised else " return"
    lost = gather(runs, "forgetting")
    end = f", and {_lost_or_gained(lost)} on the earlier ones since it learned them" if lost.size else ""
    return f"`{name}` ends at {_mean(finals(runs))}{unit}, on average over all tasks ({_seeds(len(runs))}){end}."


def differences(base: str, comparisons: Mapping[str, Comparison]) -> list[str]:
    """What the comparisons of a strategy with the others show, one sentence per kind of outcome.

    A direction is claimed only where the bootstrap's and Student's interval of the difference both exclude zero: with
    few seeds the former is too narrow.
    """
    kinds: dict[str, list[str]] = {}
    for name, found in comparisons.items():
        kinds.setdefault(_outcome(found), []).append(f"`{name}` ({_evidence(found)})")
    unsure = "The seeds are too few to be sure: only the bootstrap interval excludes zero, not the t interval."
    words = {
        "above": f"`{base}` is above {{}}: both intervals of the paired difference exclude zero.",
        "below": f"`{base}` is below {{}}: both intervals of the paired difference exclude zero.",
        "tends above": f"`{base}` tends to be above {{}}. {unsure}",
        "tends below": f"`{base}` tends to be below {{}}. {unsure}",
        "open": f"No difference is shown between `{base}` and {{}}.",
        "one seed": f"One shared seed shows nothing about `{base}` minus {{}}.",
        "no seed": f"`{base}` shares no seed with {{}}; the difference is not estimated.",
    }
    return [text.format(", ".join(kinds[kind])) for kind, text in words.items() if kind in kinds]


def _outcome(found: Comparison) -> str:
    if found.difference is None or found.student is None:
        return "no seed"
    if not found.difference.known:
        return "one seed"
    if not found.difference.excludes(0.0):
        return "open"
    word = "above" if found.difference.value > 0 else "below"
    return word if found.student.excludes(0.0) else f"tends {word}"


def _evidence(found: Comparison) -> str:
    if found.difference is None:
        return "no shared seed"
    text = found.difference.format(3)
    if not found.difference.known:
        return text
    return f"{text}, higher in {found.higher} of {counted(len(found.seeds), 'seed')}"


def who_forgets(measured: Measured) -> str:
    """Which strategies lose more than :data:`SMALL_LOSS` after learning, on average over seeds."""
    lost = {
        name: float(values.mean()) for name, runs in measured.items() if (values := gather(runs, "forgetting")).size
    }
    much = [f"`{name}` ({value:.2f})" for name, value in lost.items() if value > SMALL_LOSS]
    little = [value for value in lost.values() if value <= SMALL_LOSS]
    rest = f" the others at most {max(little):.3f}" if little else ""
    if not lost:
        return "Forgetting is not known for any strategy."
    if not much:
        return f"No strategy forgets more than {SMALL_LOSS}:{rest.replace('the others', 'all')}."
    return f"More than {SMALL_LOSS} of a normalised score is forgotten by {', '.join(much)};{rest or ' no others'}."


def memory(groups: Groups) -> list[str]:
    """Strategies that say they revisit no old data and were seen to read some."""
    lines = []
    for name, runs in groups.items():
        read = [run.old_rows_read for run in runs if run.revisits_data is False and run.old_rows_read]
        if read:
            lines.append(f"`{name}` says that it revisits no old data, and was seen to read {max(read):,} old rows.")
    return lines


def plasticity(measured: Measured, base: str) -> list[str]:
    """Whether the base learns later tasks as fast as a fresh model does."""
    speeds = gather(measured[base], "speed")
    if not speeds.size:
        return []
    found, student = interval(speeds, whole_runs=True), t_interval(speeds)
    if not found.known:
        word = "one seed shows nothing"
    elif found.excludes(1.0) and student.excludes(1.0):
        word = "faster" if found.value > 1 else "slower"
    else:
        word = "no difference is shown"
    beside = f", 95 % t interval {student.bounds(3)}" if student.known else ""
    return [
        f"Learning speed of `{base}` on the tasks after the first, against a fresh model's (1 is as fast): "
        f"{found.format(3)}{beside}: {word}."
    ]


def limits(measured: Measured, tasks: int) -> list[str]:
    """What the numbers do not show."""
    lines = of_seeds({name: len(runs) for name, runs in measured.items()})
    if len(measured) > 2:
        lines.append(f"The {len(measured) - 1} comparisons are not corrected for their number.")
    these = f"these {tasks} tasks" if tasks > 1 else "this task"
    compared = "the methods compare" if len(measured) > 1 else "the method does"
    lines.append(
        f"Nothing here says how {compared} on more than {these}, on other bodies, or with other budgets or settings "
        "than those named."
    )
    return lines


def of_seeds(counts: Mapping[str, int]) -> list[str]:
    """What few seeds do not show.

    Args:
        counts: Seeds by method.
    """
    ones = [f"`{name}`" for name, count in counts.items() if count == 1]
    few = min((count for count in counts.values() if count > 1), default=0)
    lines = []
    if 1 < few <= 10:
        coverage = {2: 50, 3: 75, 4: 79, 5: 84}.get(few, 85)
        lines.append(
            f"Seeds are few: the bootstrap of {few} runs stays within their range, and holds the true mean in about "
            f"{coverage} % of cases, not 95. The t interval holds it in 95 % if scores are normal."
        )
    if ones:
        lines.append(f"One seed only, so no interval and no conclusion: {', '.join(ones)}.")
    return lines


def of_budgets(groups: Groups) -> list[str]:
    """The configured budgets, and who had which where they differ."""
    kinds: dict[str, list[str]] = {}
    for name, runs in groups.items():
        for run in runs:
            kinds.setdefault(_budget(run.settings, len(run.results["visits"])), []).append(name)
    if len(kinds) == 1:
        return [f"Configured budget: {next(iter(kinds))}."]
    lines = ["Budgets differ between runs:", ""]
    for kind, names in kinds.items():
        lines.append(f"- {', '.join(f'`{name}`' for name in dict.fromkeys(names))}: {kind}")
    return lines


def _budget(settings: Mapping[str, Mapping[str, object]], visits: int) -> str:
    budget = settings.get("budget", {})
    steps = budget.get("steps")
    if not isinstance(steps, list):
        return "not known (no config.yaml)"
    each = steps * visits if len(steps) == 1 else steps
    per_task = f"{each[0]:,} per task" if len(set(each)) == 1 else ", ".join(f"{number:,}" for number in each)
    early = ", less where a task is mastered early" if budget.get("mastery") else ""
    return f"{sum(each):,} environment steps in all ({per_task}){early}"


def time_spent(groups: Groups) -> str:
    """Minutes of all runs together."""
    runs = [run for group in groups.values() for run in group]
    wall, cpu = (np.array([run.results[key] for run in runs]) / 60 for key in ("wall_seconds", "cpu_seconds"))
    return (
        f"The {counted(len(runs), 'run')} took {cpu.sum():,.0f} CPU minutes; in wall time a run took up to "
        f"{wall.max():,.0f} minutes, and all of them, two at a time, about {wall.sum() / 2:,.0f}, with whatever else "
        "the machine did."
    )


def _mean(values: NDArray[np.float64]) -> str:
    """Mean with its interval over seeds."""
    return interval(values, whole_runs=True).format(3)


def _lost_or_gained(lost: NDArray[np.float64]) -> str:
    """A loss that is negative in the digits shown is called a gain."""
    return f"gained {_mean(-lost)}" if round(float(lost.mean()), 3) < 0 else f"lost {_mean(lost)}"


def _seeds(count: int) -> str:
    return counted(count, "seed") if count > 1 else "one seed, no interval"
