"""Tables in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.text import Text

from crl.console import PlainTable
from crl.reporting.tables.table import Table

Colour = Callable[[Any], str]
"""The style in which a value is shown; empty: none. It may only repeat what the cell says."""


def terminal(
    table: Table, *, unbroken: int = 0, ruled: bool = False, colours: Mapping[str, Colour] | None = None
) -> PlainTable:
    """A table for a console.

    Args:
        table: The table; its title stands above it, its note is left out.
        unbroken: So many of the first columns are never broken into lines.
        ruled: Whether a line stands between rows.
        colours: Styles of the values of a column, by its title.
    """
    shown = PlainTable(title=table.title or None, show_lines=ruled)
    painted = [(colours or {}).get(column.title, _plain) for column in table.columns]
    for place, column in enumerate(table.columns):
        justify = column.kind.align.value
        shown.add_column(column.heading, justify=justify, no_wrap=place < unbroken, overflow="fold")
    for row, written in zip(table.rows, table.written, strict=True):
        shown.add_row(
            *(Text(str(cell), paint(value)) for cell, paint, value in zip(written, painted, row, strict=True))
        )
    return shown


def sideways(table: Table, ruled_after: int = 0) -> PlainTable:
    """A table for a console with its rows as columns: for few rows of many values.

    Args:
        table: The table.
        ruled_after: A line stands below the values of so many columns behind the first; 0: nowhere.
    """
    shown = PlainTable(title=table.title or None)
    shown.add_column("")
    for row in table.written:
        shown.add_column(str(row[0]), justify="right", overflow="fold")
    for place, heading in enumerate(table.head[1:], 1):
        shown.add_row(heading, *(str(row[place]) for row in table.written), end_section=place == ruled_after)
    return shown


def _plain(value: Any) -> str:
    return ""
