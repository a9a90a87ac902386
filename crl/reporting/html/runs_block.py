"""What a report says of the runs themselves: videos, settings, and the commands that make them again."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from crl.reporting.explaining.reproduce import train_command
from crl.reporting.report.gather import Section
from crl.reporting.report.record import ReportedRun
from crl.reporting.store.comparing import UNSET, WITHOUT_EFFECT, differing
from crl.reporting.tables.kinds import Settings
from crl.reporting.tables.table import Column, Table
from crl.reporting.tables.wording import setting

_NAMED = ("seed", "agent.name", "continual.name")
"""Settings that the name of a method or a run says already."""


@dataclass(frozen=True)
class Video:
    """A video of a run.

    Attributes:
        name: Its file's name.
        source: A relative link, or the video itself as a data URI.
        embedded: Whether it is the video itself.
    """

    name: str
    source: str
    embedded: bool


@dataclass
class VideoBudget:
    """How many bytes of video a page may still hold.

    Attributes:
        left: Bytes left; 0: link to videos.
        out: The page's folder, from which links lead.
        left_out: Videos that did not fit and are linked to instead.
    """

    left: int
    out: Path
    left_out: int = 0

    def take(self, path: Path) -> Video:
        """A video, inside the page as long as there is room, else linked to."""
        size = path.stat().st_size
        if 0 < size <= self.left:
            self.left -= size
            data = base64.b64encode(path.read_bytes()).decode()
            return Video(path.name, f"data:video/mp4;base64,{data}", True)
        self.left_out += 1
        try:
            way = os.path.relpath(path, self.out)
        except ValueError:
            way = str(path)
        return Video(path.name, quote(Path(way).as_posix()), False)


def videos(runs: Sequence[ReportedRun], budget: VideoBudget) -> list[tuple[str, list[Video]]]:
    """Videos by run, of runs that have any."""
    found = []
    for run in runs:
        files = sorted(path for path in (run.path / "videos").glob("*.mp4") if path.is_file())
        if files:
            found.append((run.path.name, [budget.take(path) for path in files if not path.name.startswith(".")]))
    return found


def shared_settings(section: Section) -> list[tuple[str, list[tuple[str, str]]]]:
    """Settings that all runs have alike, by section."""
    runs = [run.flat_settings for run in section.runs]
    different = differing(runs, everything=True, missing_counts=False)
    groups: dict[str, list[tuple[str, str]]] = {}
    known: dict[str, Any] = {}
    for settings in runs:
        known.update(settings)
    for key, value in known.items():
        if key not in different and not key.startswith(("run_dir", "name", "resume")):
            group, _, name = key.rpartition(".")
            groups.setdefault(group or "run", []).append((name, setting(value)))
    return list(groups.items())


def different_settings(section: Section) -> Table | None:
    """Settings in which runs differ, by method; several values of one method's runs are listed."""
    runs = section.runs
    found = differing([run.flat_settings for run in runs], missing_counts=False)
    keys = [key for key in found if key not in _NAMED and not key.startswith(WITHOUT_EFFECT)]
    if not keys:
        return None
    rows = [
        (
            name,
            *([value for run in members if (value := run.flat_settings.get(key, UNSET)) is not UNSET] for key in keys),
        )
        for name, members in section.groups.items()
    ]
    columns = [Column("method"), *(Column(key, Settings()) for key in keys)]
    return Table.of(columns, rows).named("settings", "Settings that differ")


def commands(section: Section) -> list[tuple[str, str]]:
    """By commit, the commands that make the runs again, one a line."""
    by_commit: dict[str, list[str]] = {}
    for run in section.runs:
        if run.entry.settings:
            version = str(run.results.get("version", "?"))
            code = f"commit {run.commit}" if run.commit else f"crl {version} (commit not recorded)"
            by_commit.setdefault(code, []).append(train_command(run.entry.settings))
    return [
        (code.replace("+", " with changes that were not committed"), "\n".join(lines))
        for code, lines in by_commit.items()
    ]
