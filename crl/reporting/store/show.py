"""What ``crl runs`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crl.console import PlainTable
from crl.reporting.store.entry import Entry
from crl.reporting.tables.kinds import Composite, Duration, Number, Settings
from crl.reporting.tables.table import Column, Table
from crl.reporting.tables.terminal import sideways, terminal
from crl.reporting.tables.wording import size
from crl.text import counted

_STYLES = {"finished": "green", "running": "cyan", "unfinished": "yellow", "half-written": "red"}


def table(found: Sequence[Entry]) -> PlainTable:
    """A line per run."""
    columns = [
        *(Column("run"), Column("status", Composite(_marked)), Column("env"), Column("method")),
        *(Column(title, Number(",d")) for title in ("seed", "visits", "steps")),
        *(Column("success", Number(".0%")), Column("return", Number(".1f")), Column("forgetting", Number(".1f"))),
        Column("CPU", Duration()),
    ]
    rows = [
        (
            *(entry.name, (entry.status, bool(entry.problems)), entry.env or None, entry.method or None),
            *(entry.seed, entry.visits, entry.steps),
            *(entry.success, entry.mean_return, entry.forgetting, entry.cpu_seconds),
        )
        for entry in found
    ]
    made = Table.of(columns, rows).named("runs", counted(len(found), "run"))
    return terminal(made, colours={"status": lambda value: _STYLES.get(value[0], "")})


def _marked(value: tuple[str, bool]) -> str:
    """A status, marked where something is wrong."""
    status, wrong = value
    return f"{status} !" if wrong else status


def findings(found: Sequence[Entry]) -> list[str]:
    """What is wrong with runs, problems first, then notes; a note that many runs share is said once."""
    lines = []
    for entry in found:
        for finding in entry.problems:
            lines.append(f"! {entry.name} {finding.what}\n    {finding.hint}")
    notes: dict[tuple[str, str], list[str]] = {}
    for entry in found:
        for finding in entry.findings:
            if not finding.serious:
                hint = finding.hint.replace(entry.path, "RUN")
                notes.setdefault((finding.shared, hint), []).append(entry.name)
    for (what, hint), names in notes.items():
        who = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        lines.append(f"note: {who}: {what}; {hint}")
    return lines


def details(entry: Entry) -> list[str]:
    """One run at length."""
    lines = [
        f"{entry.name}: {entry.status}",
        f"folder: {entry.path} ({_size(entry.size)})",
        f"what: {entry.env or '?'}, {entry.method or '?'}"
        + (f" with {entry.planner}" if entry.planner else "")
        + f", profile {entry.profile or '?'}, seed {_whole(entry.seed)}",
        f"when: {entry.began or '?'} to {entry.ended or '?'} (UTC)",
        f"code: crl {entry.version or '?'}, commit {entry.commit or 'not recorded'}",
        f"fingerprint: {entry.fingerprint or '-'}",
    ]
    for finding in entry.findings:
        lines.append(f"{'! ' if finding.serious else 'note: '}{finding.what}\n    {finding.hint}")
    return lines


def one_line(folder: Path) -> str:
    """A run and how much is lost with it."""
    from crl.reporting.store.survey import survey

    entry = survey(folder, folder.parent)
    return f"{folder}: {entry.status}, {_whole(entry.steps)} steps, {_size(entry.size)}"


def side_by_side(
    found: Sequence[Entry], settings: Mapping[str, list[Any]], facts: Mapping[str, list[Any]]
) -> PlainTable:
    """A column per run: the settings in which they differ, and below them what each reached."""
    columns = [Column("run"), *(Column(key, Settings()) for key in settings)]
    columns += [Column(title, Composite(_fact)) for title in facts]
    rows = [
        (entry.name, *([values[place]] for values in settings.values()), *(values[place] for values in facts.values()))
        for place, entry in enumerate(found)
    ]
    return sideways(Table.of(columns, rows), ruled_after=len(settings))


def _fact(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return _whole(value)


def _whole(value: int | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _size(count: int | None) -> str:
    return "size not known" if count is None else size(count)
