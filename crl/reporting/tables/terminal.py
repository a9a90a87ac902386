"""Tables in the terminal."""

from __future__ import annotations

from crl.console import PlainTable
from crl.reporting.tables.table import Table


def terminal(table: Table, *, unbroken: int = 0, ruled: bool = False) -> PlainTable:
    """A table for a console.

    Args:
        table: The table; its title stands above it, its note is left out.
        unbroken: So many of the first columns are never broken into lines.
        ruled: Whether a line stands between rows.
    """
    shown = PlainTable(title=table.title or None, show_lines=ruled)
    for place, column in enumerate(table.columns):
        shown.add_column(column.heading, justify=column.kind.align.value, no_wrap=place < unbroken)
    for row in table.written:
        shown.add_row(*map(str, row))
    return shown
