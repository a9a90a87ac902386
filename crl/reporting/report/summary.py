"""The numbers of a section of a report: scores with intervals, comparisons of all methods, what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crl.errors import CrlError
from crl.plugins import is_path
from crl.reporting.measures import REFERENCE, Measures, Scale, finals, gather, measure, scale
from crl.reporting.pages.baseline import random_returns
from crl.reporting.pages.sequences import findings, tables
from crl.reporting.report import lives, missions
from crl.reporting.report.gather import Section
from crl.reporting.statistics import Interval, interval, iqm, probability_of_improvement

BASE = "hypercrl"
RANDOM_EPISODES = 10
RANDOM = "random"


@dataclass(frozen=True)
class Summary:
    """Everything that a section's charts and tables show.

    Attributes:
        section: Its runs.
        scale: How returns became scores.
        measured: Metrics of every run, by method.
        base: The method that the others are compared with.
        average: Mean score after the last task, by method, with its interval over whole runs.
        iqm: Interquartile mean likewise.
        iqm_strata: Interquartile mean with tasks drawn apart (Agarwal et al. 2021).
        metrics: Metrics that are one number per run: metric -> method -> interval; unknown ones are absent.
        improvement: Probability that a run of the first scores higher on a task than one of the second, by pair.
        comparisons: Every method against the base.
        notes: What was left out, and why.
    """

    section: Section
    scale: Scale
    measured: Mapping[str, Sequence[Measures]]
    base: str
    average: Mapping[str, Interval]
    iqm: Mapping[str, Interval]
    iqm_strata: Mapping[str, Interval]
    metrics: Mapping[str, Mapping[str, Interval]]
    improvement: Mapping[tuple[str, str], Interval]
    comparisons: Mapping[str, tables.Comparison]
    notes: tuple[str, ...]

    @property
    def methods(self) -> list[str]:
        """Names of the methods, in order."""
        return list(self.measured)

    @property
    def unit(self) -> str:
        """What a score is."""
        return "normalised score" if self.scale.normalised else "return"

    @property
    def spec(self) -> str:
        """How a score is written: Python's format specification."""
        return ".3f" if self.scale.normalised else ".1f"

    @property
    def meaning(self) -> str:
        """What a score is, in a sentence."""
        evaluation = self.section.runs[0].results["evaluation"]
        episodes = f"Each is the mean of {evaluation.get('episodes')} evaluation episodes, without noise or learning."
        if not self.scale.normalised:
            return f"Scores are returns, as the environment pays them. {episodes}"
        return (
            "Scores are returns, normalised per task: 0 is what random actions reach, 1 the mean of `single`, a new "
            f"model per task, just after it learned that task. {episodes}"
        )

    @property
    def has_success(self) -> bool:
        """Whether any task was ever achieved; some have no notion of it."""
        return any(np.nanmax(run.matrix(), initial=0.0) > 0 for run in self.section.runs)

    def said(self) -> list[str]:
        """Sentences that follow from the numbers."""
        lines = [
            findings.level(self.base, self.measured[self.base], self.scale),
            *findings.differences(self.base, self.comparisons),
            *([findings.who_forgets(self.measured)] if self.scale.normalised else []),
            *findings.plasticity(self.measured, self.base),
            *findings.memory(self.section.groups),
            *missions.said(self.section),
            *lives.said(self.section),
        ]
        return [line for line in lines if line]

    def limits(self) -> list[str]:
        """What the numbers do not show."""
        return findings.limits(self.measured, len(set(self.section.visits)))


def summarise(section: Section, *, normalise: bool = True, base: str | None = None) -> Summary:
    """Measure a section.

    Args:
        section: Comparable runs.
        normalise: Put returns on the scale from random actions to ``single`` where there are runs of ``single``.
            What random actions reach is taken from runs of the agent ``random``, else measured now.
        base: The method that the others are compared with; ``hypercrl`` or else the first one by default.

    Raises:
        CrlError: There is no such method.
    """
    named = section.named(base) if base is not None else []
    if base is not None and not named:
        raise CrlError(f"no run here is of {base!r}", f"methods: {', '.join(section.groups)}")
    scored, notes = _scale(section, normalise)
    singles = section.groups.get(REFERENCE, []) if scored.normalised else []
    measured = measure(section.groups, scored, singles)
    chosen = next(iter(named), None) or (BASE if BASE in measured else next(iter(measured)))
    names = next(iter(measured.values()))[0].values
    metrics = {
        name: {
            method: interval(values, whole_runs=True)
            for method, runs in measured.items()
            if (values := gather(runs, name)).size
        }
        for name in names
    }
    scores = {name: finals(runs) for name, runs in measured.items()}
    return Summary(
        section=section,
        scale=scored,
        measured=measured,
        base=chosen,
        average={name: interval(table, whole_runs=True) for name, table in scores.items()},
        iqm={name: interval(table, iqm, whole_runs=True) for name, table in scores.items()},
        iqm_strata={name: interval(table, iqm) for name, table in scores.items()},
        metrics=metrics,
        improvement=_improvement(scores),
        comparisons={name: tables.compare(measured[chosen], measured[name]) for name in measured if name != chosen},
        notes=(*([scored.sampled] if scored.sampled else []), *notes),
    )


def _improvement(scores: Mapping[str, np.ndarray]) -> dict[tuple[str, str], Interval]:
    found: dict[tuple[str, str], Interval] = {}
    names = list(scores)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            above = probability_of_improvement(scores[one], scores[other], whole_runs=True)
            found[one, other] = above
            found[other, one] = Interval(1 - above.value, 1 - above.high, 1 - above.low)
    return found


def _scale(section: Section, normalise: bool) -> tuple[Scale, list[str]]:
    singles = section.groups.get(REFERENCE, [])
    plain = scale(section.groups, {}, [])
    if not normalise:
        return plain, []
    if not singles:
        return plain, [f"there is no run of `{REFERENCE}` here: scores are plain returns"]
    try:
        zero = _random(section)
    except Exception as error:  # a sequence that is not installed here, or a simulator that fails: show returns
        first = "; ".join(str(error).splitlines()[:2]) or type(error).__name__
        return plain, [f"what random actions reach can't be measured ({first}): scores are plain returns"]
    scored = scale(section.groups, zero, singles)
    notes = [f"{task} has no normalised score and is left out: {why}" for task, why in scored.left_out.items()]
    if not scored.tasks:
        return plain, [*notes, "no task has a normalised score: scores are plain returns"]
    return scored, notes


def _random(section: Section) -> dict[str, float]:
    """What random actions reach, by task."""
    played = section.groups.get(RANDOM)
    tasks = section.runs[0].results["matrix_tasks"]
    if played:
        means = np.mean([run.matrix("matrix_return")[-1] for run in played], axis=0)
        return dict(zip(tasks, map(float, means), strict=True))
    from crl.sequences import load_sequence
    from crl.training.runs.trust import made_here, require_trust

    names = {run.path: _code_of(run.path, section.env) for run in section.runs}
    own = [path for path in names if made_here(path, names[path])]
    path = own[0] if own else section.runs[0].path
    require_trust(path, names[path])
    seed = int(section.runs[0].results["evaluation"]["seed"])
    zero = random_returns(load_sequence(section.env), episodes=RANDOM_EPISODES, seed=seed)
    missing = [task for task in tasks if task not in zero]
    if missing:
        raise CrlError(f"the sequence {section.env} has no task {missing[0]} here", "install the version of the runs")
    return zero


def _code_of(run: Path, env: str) -> tuple[str, ...]:
    """All that a run names as ``module:attribute``; its results may name another environment than its settings."""
    from crl.training.runs.folder import RunFolder
    from crl.training.runs.settings import read_settings
    from crl.training.runs.trust import named_code

    try:
        named = named_code(read_settings(RunFolder(run))[0])
    except CrlError:  # settings that can't be read, or are not there
        named = ()
    return tuple(sorted({*named, *([env] if is_path(env) else [])}))
