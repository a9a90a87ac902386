"""The table of a section's runs: one line each, with where it comes from."""

from __future__ import annotations

from collections.abc import Callable

from crl.reporting.report.gather import Section
from crl.reporting.report.record import ReportedRun
from crl.reporting.tables.kind import Kind
from crl.reporting.tables.kinds import Duration, Number
from crl.reporting.tables.table import Column, Table


def runs_table(section: Section, measure: str, kind: Kind, read: Callable[[ReportedRun], float]) -> Table:
    """Every run of a section.

    Args:
        section: The runs.
        measure: Title of the column that says what a run reached.
        kind: What its cells hold.
        read: What a run reached.
    """
    columns = [
        *(Column("run"), Column("method"), Column("seed", Number("d")), Column(measure, kind)),
        *(Column("env steps", Number(",d")), Column("CPU", Duration()), Column("crl"), Column("commit")),
    ]
    rows = [
        (
            *(run.path.name, name, run.seed, read(run), run.results.get("env_steps", 0)),
            *(float(run.results.get("cpu_seconds") or 0), run.results.get("version"), run.commit),
        )
        for name, members in section.groups.items()
        for run in members
    ]
    return Table.of(columns, rows).named("runs", "Runs")
