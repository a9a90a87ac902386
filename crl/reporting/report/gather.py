"""From folders to comparable groups of runs: sequences apart, methods told apart by their settings, problems named."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crl.reporting.measures import complete
from crl.reporting.pages.sequences.tables import ORDER
from crl.reporting.report.record import ReportedRun
from crl.reporting.store.comparing import differing
from crl.reporting.store.entry import Entry
from crl.reporting.store.survey import survey
from crl.training.runs.results_file import NEEDED, read_results


@dataclass(frozen=True)
class Section:
    """Runs that compare: the same tasks in the same order, evaluated alike.

    Attributes:
        env: Task sequence.
        title: The sequence, with what tells it from other sections of the same one.
        groups: Runs by method, ordered by seed.
        settings: Settings in which methods of one name differ, by method; empty where the name is enough.
    """

    env: str
    title: str
    groups: Mapping[str, list[ReportedRun]]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def runs(self) -> list[ReportedRun]:
        """All runs."""
        return [run for runs in self.groups.values() for run in runs]

    def named(self, label: str) -> list[str]:
        """Methods of this name, or of a strategy or agent of this name."""
        return [name for name, runs in self.groups.items() if label in (name, runs[0].label)]

    @property
    def visits(self) -> list[str]:
        """Names of the tasks in the order in which they were learned."""
        return [visit["task"] for visit in self.runs[0].results["visits"]]


@dataclass(frozen=True)
class Gathered:
    """What a report is made of.

    Attributes:
        sections: Groups of comparable runs that learned tasks.
        lives: Groups of comparable runs that lived only, with what another run has learned.
        entries: Every run that was named, reported or not.
        problems: What is wrong, with the hint, one message each.
        notes: What is unusual.
    """

    sections: tuple[Section, ...]
    lives: tuple[Section, ...]
    entries: tuple[Entry, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def gather(folders: Iterable[Path], by: Sequence[str] = ()) -> Gathered:
    """Look at run folders and sort them into sections. Whatever is wrong with one costs the others nothing.

    Args:
        folders: Folders of runs, in any order; each counts once.
        by: Settings by which runs of one strategy are told apart, as methods of their own.
    """
    paths = sorted({path.resolve() for path in folders})
    entries = [survey(path, path.parent) for path in paths]
    problems, notes = _findings(entries)
    kinds: dict[str, list[ReportedRun]] = {}
    for entry in entries:
        run, fault = _read(entry)
        if run is None:
            problems += [f"{entry.name} is not in the report: {fault}"] if fault else []
            continue
        if run.lost_lines:
            problems.append(f"{entry.name}: {run.lost_lines} lines of metrics.jsonl can't be read; the others count")
        kinds.setdefault(_kind(run), []).append(run)
    ordered = sorted(kinds.values(), key=lambda runs: (str(runs[0].results["env"]), -len(runs)))
    learned = [runs for runs in ordered if runs[0].results["visits"]]
    names = [runs[0].results["env"] for runs in learned]
    sections: list[Section] = []
    for runs in learned:
        several = names.count(runs[0].results["env"]) > 1
        title = _title(runs[0], several, [section.title for section in sections])
        section, twins = _section(runs, title, by)
        sections.append(section)
        problems += twins
    lives: list[Section] = []
    for runs in ordered:
        if not runs[0].results["visits"]:
            section, twins = _section(runs, _life_title(runs[0]), by)
            lives.append(section)
            problems += twins
    return Gathered(tuple(sections), tuple(lives), tuple(entries), tuple(problems), tuple(notes))


def _section(runs: Sequence[ReportedRun], title: str, by: Sequence[str]) -> tuple[Section, list[str]]:
    """Runs that compare, and what does not fit as messages."""
    groups, settings, twins = _methods(runs, by)
    return Section(str(runs[0].results["env"]), title, groups, settings), twins


def _read(entry: Entry) -> tuple[ReportedRun | None, str]:
    """A run as a record, or why there is none."""
    if entry.status != "finished":
        done = f" at {entry.steps:,} environment steps" if entry.steps else ""
        hint = {
            "unfinished": f"finish it with: crl resume {shlex.quote(entry.path)}",
            "running": "a process trains in it; make the report again when it ends",
        }.get(entry.status)
        # What is wrong with a half-written one its finding says.
        return None, f"it is {entry.status}{done}; {hint}" if hint else ""
    try:
        results = read_results(Path(entry.path)).entries
    except (OSError, ValueError) as error:
        return None, f"its results can't be read ({error}); write them again: crl resume {shlex.quote(entry.path)}"
    if any(name not in results for name in NEEDED):
        return None, ""  # a finding says so
    run = ReportedRun(Path(entry.path), results, entry)
    table = run.matrix("matrix_return")
    if not table.size:
        return (run, "") if run.life is not None else (None, "its reward matrix is empty; run it again")
    if not complete(run):
        return None, f"its last evaluation is incomplete; finish it with: crl resume {shlex.quote(entry.path)}"
    return run, ""


def _findings(entries: Sequence[Entry]) -> tuple[list[str], list[str]]:
    problems = [f"{entry.name} {finding}" for entry in entries for finding in entry.problems]
    notes: dict[str, list[str]] = {}
    for entry in entries:
        for finding in entry.findings:
            if not finding.serious:
                notes.setdefault(finding.shared, []).append(entry.name)
    said = [f"{name[0]}{f' and {len(name) - 1} more' if len(name) > 1 else ''} {text}" for text, name in notes.items()]
    return problems, said


def _kind(run: ReportedRun) -> str:
    visits = [visit["task"] for visit in run.results["visits"]]
    if not visits and run.life is not None:
        return repr((run.results["env"], run.life["steps"]))
    return repr((run.results["env"], visits, run.results["matrix_tasks"], run.results["evaluation"]))


def _life_title(run: ReportedRun) -> str:
    """The sequence's name, and how long was lived."""
    return f"{_env_name(run)}: lives of {(run.life or {}).get('steps', 0):,} steps"


def _env_name(run: ReportedRun) -> str:
    return str(run.results["env"]).rpartition(":")[2].lower()


def _title(run: ReportedRun, several: bool, taken: Sequence[str]) -> str:
    """The sequence's name, with what tells the section from others of the same sequence."""
    env = _env_name(run)
    if not several:
        return env
    visits, evaluation = run.results["visits"], run.results["evaluation"]
    tasks = f"{len(visits)} tasks" if len(visits) > 1 else f"only {visits[0]['task']}"
    title = f"{env}: {tasks}, {evaluation.get('episodes')} episodes per evaluation"
    if title in taken:
        title += f", order {' → '.join(str(visit['task']) for visit in visits[:5])}{' …' if len(visits) > 5 else ''}"
    return title if title not in taken else f"{title} ({len(taken) + 1})"


def _methods(
    runs: Sequence[ReportedRun], by: Sequence[str]
) -> tuple[dict[str, list[ReportedRun]], dict[str, dict[str, Any]], list[str]]:
    """Runs by method; settings by method where they tell methods apart; what does not fit as messages."""
    by_label: dict[str, list[ReportedRun]] = {}
    for run in runs:
        by_label.setdefault(run.label, []).append(run)
    groups: dict[str, list[ReportedRun]] = {}
    settings: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    mixed: dict[str, dict[str, list[Any]]] = {}
    for label in sorted(by_label, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)):
        members = by_label[label]
        keys = _told_apart(label, members, by, mixed)
        for run in members:
            own = {key: run.flat_settings.get(key) for key in keys}
            name = f"{label} ({', '.join(f'{key}={value}' for key, value in own.items())})" if own else label
            group = groups.setdefault(name, [])
            twin = next((other for other in group if other.seed == run.seed), None)
            if twin is not None:
                problems.append(
                    f"{run.path.name} is left out: {twin.path.name} is a run of {name} with seed {run.seed}, too"
                )
                continue
            group.append(run)
            if own:
                settings[name] = own
    for group in groups.values():
        group.sort(key=lambda run: run.seed)
    for key, values in mixed.items():
        shown = ", ".join(dict.fromkeys(str(value) for known in values.values() for value in known))
        problems.append(
            f"runs of one method differ in {key} ({shown}): {', '.join(values)}; each counts as one method here, "
            f"and is told apart with --by {key}"
        )
    return groups, settings, problems


def _told_apart(
    label: str, members: Sequence[ReportedRun], by: Sequence[str], mixed: dict[str, dict[str, list[Any]]]
) -> list[str]:
    """Settings by which runs of one strategy are methods of their own.

    Those that were asked for; else, where two runs have the same seed, all in which the runs differ: that is a sweep.
    Runs that differ and have seeds of their own are one method; in what they differ is added to ``mixed``: setting
    -> strategy -> values.
    """
    # A setting that an older version did not have is no difference: what it did is today's default.
    found = differing([run.flat_settings for run in members], missing_counts=False)
    found.pop("seed", None)
    found.pop("profile", None)
    asked = [key for key in by if key in found]
    seeds = [run.seed for run in members]
    if asked or not found or len(set(seeds)) < len(seeds):
        return asked or list(found)
    for key, values in found.items():
        mixed.setdefault(key, {})[label] = values
    return []
