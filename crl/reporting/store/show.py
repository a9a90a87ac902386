"""What ``crl runs`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from crl.console import PlainTable
from crl.reporting.store.entry import Entry
from crl.reporting.tables.kinds import duration
from crl.text import counted

_STYLES = {"finished": "green", "running": "cyan", "unfinished": "yellow", "half-written": "red"}


def table(found: Sequence[Entry]) -> PlainTable:
    """A line per run."""
    shown = PlainTable(title=counted(len(found), "run"), title_justify="left")
    shown.add_column("run", overflow="fold")
    for head in ("status", "env", "method"):
        shown.add_column(head)
    for head in ("seed", "visits", "steps", "success", "return", "forgetting", "CPU"):
        shown.add_column(head, justify="right")
    for entry in found:
        mark = " !" if entry.problems else ""
        shown.add_row(
            Text(entry.name),
            Text(entry.status + mark, style=_STYLES.get(entry.status, "")),
            Text(entry.env or "-"),
            Text(entry.method or "-"),
            _whole(entry.seed),
            _whole(entry.visits),
            _whole(entry.steps),
            "-" if entry.success is None else f"{entry.success:.0%}",
            _number(entry.mean_return),
            _number(entry.forgetting),
            "-" if entry.cpu_seconds is None else duration(entry.cpu_seconds),
        )
    return shown


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
                what = "was moved or copied" if finding.what.startswith("was moved") else finding.what
                hint = finding.hint.replace(entry.path, "RUN")
                notes.setdefault((what, hint), []).append(entry.name)
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
    """A column per run."""
    shown = PlainTable()
    shown.add_column("")
    for entry in found:
        shown.add_column(Text(entry.name), justify="right", overflow="fold")
    for key, values in settings.items():
        shown.add_row(Text(key), *(Text(str(value)) for value in values))
    if settings:
        shown.add_section()
    for title, values in facts.items():
        shown.add_row(title, *(Text(_fact(value)) for value in values))
    return shown


def _fact(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _whole(value: int | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _size(count: int | None) -> str:
    if count is None:
        return "size not known"
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
