"""The page of results of one task sequence with any number of strategies, made of run folders alone.

Only the zero of the scores, what random actions reach, is measured here, with fixed seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from crl.errors import CrlError
from crl.reporting.measures import REFERENCE, Scale, comparable, measure, scale
from crl.reporting.pages.baseline import random_returns
from crl.reporting.pages.parts import provenance, time_table, write_page
from crl.reporting.pages.sequences import findings, tables
from crl.reporting.pages.sequences.plots import curves_figure, matrices_figure, scores_figure
from crl.reporting.runs import Groups, RunRecord, by_strategy, run_folders
from crl.reporting.tables.markdown import markdown
from crl.sequences import TaskSequence, load_sequence
from crl.text import counted

BASE = "hypercrl"
RANDOM_EPISODES = 10
PLANNED = "planned"
"""File in a folder of runs that names the runs that its script means to do, one a line."""


def sequence_page(
    sequence: str,
    source: Path,
    target: Path,
    *,
    script: str,
    command: str,
    remarks: Path | None = None,
    reference: Path | None = None,
) -> Path:
    """Write ``SEQUENCE.md`` with its figures and its results.

    Args:
        sequence: Name of the task sequence.
        source: Folder of its runs.
        target: Folder of the page.
        script: Who writes the page, as the page says it.
        command: What made the runs, as the page says it.
        remarks: A Markdown file with remarks by hand, put into the page if it exists.
        reference: A folder of other runs, of whose ``single`` the reference of equal tasks is taken, too.

    Raises:
        CrlError: There is no finished run, or the sequence is unknown.
    """
    found, problems = by_strategy(run_folders(source))
    groups, others = comparable({name: found[name] for name in tables.ordered(list(found))})
    problems += others + _missing(source)
    if not groups:
        raise CrlError(f"{source} holds no finished run of {sequence}", f"make some: {command}")
    tasks = load_sequence(sequence)
    singles = _singles(groups, reference)
    scored = _scale(groups, tasks, singles)
    measured = measure(groups, scored, singles)
    base = BASE if BASE in measured else next(iter(measured))
    comparisons = {name: tables.compare(measured[base], measured[name]) for name in measured if name != base}
    visits = [visit["task"] for visit in groups[base][0].results["visits"]]
    name = sequence.rpartition(":")[2].lower()
    scores_figure(measured, scored, target / f"{name}_scores.png")
    matrices_figure(measured, scored, visits, target / f"{name}_matrix.png")
    curves_figure(measured, scored, REFERENCE, target / f"{name}_curves.png")
    lines = [
        f"# {sequence}: {counted(len(visits), 'task')} in sequence, {counted(len(measured), 'strategy', 'strategies')}",
        "",
        f"{tasks.description[0].upper()}{tasks.description[1:]}.",
        "",
        *provenance(groups, script, command),
        findings.time_spent(groups),
        "",
        *_method(groups, scored, singles, sequence),
        "",
        *_section("What it shows", _shown(groups, measured, scored, base, comparisons)),
        *_section("What it doesn't show", [f"- {line}" for line in findings.limits(measured, len(set(visits)))]),
        *_section("Remarks", remarks.read_text(encoding="utf-8").splitlines() if remarks and remarks.is_file() else []),
        *_section("Scores", [*markdown(tables.scores_table(measured)), "", f"![average scores]({name}_scores.png)"]),
        *_section(f"Against {base}", _against(base, comparisons)),
        *_section("Every task", _per_task(groups, measured, scored, name)),
        *_section("Learning and plasticity", _learning(measured, name)),
        *_section("Cost and memory", _costs(groups)),
        *_section("Not in the tables", [f"- {problem}" for problem in problems]),
    ]
    return write_page(target, name, lines, groups)


def _singles(groups: Groups, reference: Path | None) -> list[RunRecord]:
    """The runs of the reference, each once."""
    others = by_strategy(run_folders(reference))[0].get(REFERENCE, []) if reference else []
    return list({run.path.resolve(): run for run in (*groups.get(REFERENCE, ()), *others)}.values())


def _scale(groups: Groups, tasks: TaskSequence, singles: Sequence[RunRecord]) -> Scale:
    evaluation = next(iter(groups.values()))[0].results["evaluation"]
    zero = random_returns(tasks, episodes=RANDOM_EPISODES, seed=evaluation["seed"]) if singles else {}
    scored = scale(groups, zero, singles)
    if not scored.tasks:
        why = "; ".join(f"{task}: {reason}" for task, reason in scored.left_out.items())
        raise CrlError(f"no task of {tasks.name} has a normalised score: {why}", "add runs, or give them more steps")
    return scored


def _method(groups: Groups, scored: Scale, singles: Sequence[RunRecord], sequence: str) -> list[str]:
    evaluation = next(iter(groups.values()))[0].results["evaluation"]
    profiles = sorted({str(run.results.get("profile")) for runs in groups.values() for run in runs})
    if scored.normalised:
        seeds = f"{len(singles)} seeds" if len(singles) > 1 else "one seed"
        meaning = (
            f"Scores are returns, normalised per task: 0 is a uniformly random policy ({RANDOM_EPISODES} episodes on "
            f"the initial states of the evaluations), 1 the mean of `{REFERENCE}` ({seeds}), a new model per task, "
            "just after it learned that task; how sure that reference is, its own row shows."
        )
    else:
        meaning = (
            f"No run of `{REFERENCE}` is finished: scores are plain returns, and all that needs a reference lacks."
        )
    between = evaluation["episodes_between"]
    lines = [
        f"Each run is `crl train env={sequence} profile={'/'.join(profiles)} continual=STRATEGY seed=SEED` "
        "(`agent=NAME` for the agents without a model).",
        *findings.of_budgets(groups),
        "",
        f"{meaning} Each score is the mean of {evaluation['episodes']} evaluation episodes, the same initial states "
        f"for all runs, without noise and without learning ({between} between the diagonal and the last row of the "
        "matrices, so that *forgetting (max)*, which uses them, is biased the more).",
        "Brackets: 95 % percentile-bootstrap intervals of the mean over seeds, whole runs drawn with replacement "
        "(5,000 resamples, fixed seed). Definitions: [metrics](../reference/metrics.md).",
    ]
    if scored.sampled:
        lines += ["", scored.sampled]
    if scored.left_out:
        lines += ["", "Left out of all scores:", ""]
        lines += [f"- {task}: {reason}" for task, reason in scored.left_out.items()]
    return lines


def _shown(
    groups: Groups,
    measured: tables.Measured,
    scored: Scale,
    base: str,
    comparisons: Mapping[str, tables.Comparison],
) -> list[str]:
    said = [
        findings.level(base, measured[base], scored),
        *findings.differences(base, comparisons),
        *([findings.who_forgets(measured)] if scored.normalised else []),
        *findings.plasticity(measured, base),
        *findings.memory(groups),
    ]
    return [f"- {line}" for line in said]


def _against(base: str, comparisons: Mapping[str, tables.Comparison]) -> list[str]:
    if not comparisons:
        return []
    return [
        *markdown(tables.differences_table(base, comparisons)),
        "",
        "Differences of average scores are paired by seed. *95 % t interval*: Student's interval of the same "
        f"difference. *Probability of improvement*: that a run of `{base}` beats one of the other on a task (0.5: "
        "alike), over all pairs of runs. *Intervals apart*: the 95 % intervals of the two averages have no number in "
        "common. One seed gives no interval.",
    ]


def _per_task(groups: Groups, measured: tables.Measured, scored: Scale, name: str) -> list[str]:
    lines = [
        "Return just after learning → after the last task, mean over seeds:",
        "",
        *markdown(tables.returns_table(groups)),
        "",
        f"![scores after every task]({name}_matrix.png)",
    ]
    if not scored.normalised:
        return lines
    return [
        "Score after the last task, mean over seeds:",
        "",
        *markdown(tables.tasks_table(measured, scored)),
        "",
        *lines,
    ]


def _learning(measured: tables.Measured, name: str) -> list[str]:
    visits = [curve.task for curve in next(iter(measured.values()))[0].curves]
    lines = markdown(tables.learning_table(measured))
    if any(speed is not None for runs in measured.values() for run in runs for speed in run.speeds):
        lines += [
            "",
            "Learning speed per task, against a fresh model's:",
            "",
            *markdown(tables.speeds_table(measured, visits)),
        ]
    return [*lines, "", f"![training scores]({name}_curves.png)"]


def _costs(groups: Groups) -> list[str]:
    return [
        *markdown(tables.cost_table(groups)),
        "",
        "Means over runs; environment steps of evaluations are not counted. *Stated*: what the strategy says it keeps "
        "per task; *measured*: by how much what a checkpoint keeps (without optimisers and averages) grows per new "
        "task; each task's normalisers, which every method keeps, are not counted. *Old rows read*: transitions of "
        "earlier tasks that learning looked at. A dash: not recorded.",
        "",
        "CPU seconds by phase, median over runs:",
        "",
        *markdown(time_table(groups)),
    ]


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *lines, ""] if lines else []


def _missing(source: Path) -> list[str]:
    """Planned runs that have not begun."""
    planned = source / PLANNED
    names = planned.read_text(encoding="utf-8").split() if planned.is_file() else []
    return [f"{name} has not begun" for name in names if not (source / name / "config.yaml").exists()]
