"""A table of text, whatever it will be written as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from crl.reporting.escaping import markdown_cells


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        key: Short name, unique in a section.
        title: What it shows.
        head: Titles of the columns; the first column names the rows.
        rows: Cells, as many per row as there are titles.
        note: What its reader must know.
    """

    key: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def known(self) -> Table:
        """The table without columns in which no row has anything but a dash."""
        kept = [place for place in range(len(self.head)) if not place or any(row[place] != "-" for row in self.rows)]
        rows = tuple(tuple(row[place] for place in kept) for row in self.rows)
        return replace(self, head=tuple(self.head[place] for place in kept), rows=rows)

    @classmethod
    def of_lines(cls, key: str, title: str, lines: Sequence[str], note: str = "") -> Table:
        """The table of Markdown lines, as :func:`crl.reporting.pages.parts.markdown_table` makes them."""
        cells = [tuple(markdown_cells(line)) for line in lines]
        return cls(key, title, cells[0], tuple(cells[2:]), note)
