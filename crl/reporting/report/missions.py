"""The missions of a section's runs: how many were completed, by method, by class of fault, and by fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from crl.reporting.pages.missions.tables import missions_table, summarise_missions
from crl.reporting.report.gather import Section
from crl.reporting.report.record import ReportedRun
from crl.reporting.statistics import Interval, interval
from crl.reporting.tables.kinds import Of
from crl.reporting.tables.table import Column, Table
from crl.text import counted

Record = dict[str, Any]


def flown(section: Section) -> dict[str, list[Record]]:
    """Missions by method, in the form that the tables of missions read; methods without any are absent.

    A mission's seed is the pair of its run's and its own: runs of several seeds fly the same missions.
    """
    found = {name: [record for run in runs for record in _of_run(name, run)] for name, runs in section.groups.items()}
    return {name: records for name, records in found.items() if records}


def completed(runs: Sequence[ReportedRun]) -> tuple[Interval | None, list[float]]:
    """Share of missions that were completed, with its interval over runs; and that of every run that flew any."""
    shares = [sum(m["completed"] for m in run.missions) / len(run.missions) for run in runs if run.missions]
    return interval(np.array(shares)) if shares else None, shares


def said(section: Section) -> list[str]:
    """A sentence per method on its missions."""
    lines = []
    for name, records in flown(section).items():
        done = sum(record["completed"] for record in records)
        reached = np.mean([record["reached_fraction"] for record in records])
        crashed = sum(record["crash"] is not None for record in records)
        more = f"; {counted(crashed, 'mission')} ended in a crash" if crashed else ""
        lines.append(
            f"`{name}` completed {done} of {counted(len(records), 'mission')} and reached {reached:.0%} of their "
            f"waypoints{more}."
        )
    return lines


def tables(section: Section) -> list[Table]:
    """What each method reached, how fast it found out and what it cost; and what became of each fault."""
    found = flown(section)
    if not found:
        return []
    every = [record for records in found.values() for record in records]
    note = (
        "Success: mean share of the waypoints reached; steps: of completed missions. Brackets: 95 % bootstrap "
        "intervals over seeds. Milliseconds: CPU, median over missions of the median step."
    )
    return [missions_table(summarise_missions(every)).named("missions", "Missions", note).known(), _by_fault(found)]


def _by_fault(found: Mapping[str, Sequence[Record]]) -> Table:
    faults = dict.fromkeys((record["mission"], record["class"]) for records in found.values() for record in records)
    rows = []
    for mission, group in faults:
        row: list[Any] = [mission, group]
        for records in found.values():
            ours = [record for record in records if (record["mission"], record["class"]) == (mission, group)]
            row.append((sum(record["completed"] for record in ours), len(ours)) if ours else None)
        rows.append(row)
    columns = [Column("mission"), Column("class"), *(Column(name, Of()) for name in found)]
    return Table.of(columns, rows).named("faults", "Missions completed, by fault")


def _of_run(method: str, run: ReportedRun) -> list[Record]:
    settings = run.flat_settings
    shared = {
        "method": method,
        "map": str(settings.get("missions.waypoints")),
        "refiner": settings.get("refiner.name"),
        "clipped": settings.get("refiner.clipped"),
    }
    return [{**record, **shared, "seed": (run.seed, record["seed"])} for record in run.missions]
