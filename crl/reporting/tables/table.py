"""A table as data: columns that know what they hold, and rows of values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crl.reporting.tables.kind import Kind, Written
from crl.reporting.tables.kinds import Text


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        title: What it shows.
        kind: What its cells hold.
        unit: Unit of its values, which stands behind the title in brackets.
        missing: What stands for a value that is not known.
    """

    title: str
    kind: Kind = field(default_factory=Text)
    unit: str = ""
    missing: str = "-"

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def write(self, value: Any) -> Written:
        """A cell in plain characters."""
        return self.kind.write(value) if self.kind.known(value) else Written(self.missing)

    def order(self, value: Any) -> float | None:
        """The number by which a cell is sorted, if it has one."""
        return self.kind.order(value) if self.kind.known(value) else None


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        columns: What stands in every place of a row; the first column names the rows.
        rows: Values, as many per row as there are columns.
        key: Short name, unique among the tables of a section.
        title: What it shows.
        note: What its reader must know.

    Raises:
        ValueError: A row has another number of values.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    key: str = ""
    title: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if wrong := [row for row in self.rows if len(row) != len(self.columns)]:
            raise ValueError(f"{len(self.columns)} columns need as many values in a row, got {wrong[0]}")

    @classmethod
    def of(cls, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Table:
        """A table without a name, of any sequences."""
        return cls(tuple(columns), tuple(tuple(row) for row in rows))

    def named(self, key: str, title: str, note: str = "") -> Table:
        """The same table with a name."""
        return replace(self, key=key, title=title, note=note)

    @property
    def head(self) -> tuple[str, ...]:
        """Headings of the columns."""
        return tuple(column.heading for column in self.columns)

    @property
    def written(self) -> tuple[tuple[Written, ...], ...]:
        """All cells in plain characters."""
        return tuple(
            tuple(column.write(value) for column, value in zip(self.columns, row, strict=True)) for row in self.rows
        )

    def known(self) -> Table:
        """The table without columns, but the first, in which no row has a value."""
        kept = [
            place
            for place, column in enumerate(self.columns)
            if not place or any(column.kind.known(row[place]) for row in self.rows)
        ]
        rows = tuple(tuple(row[place] for place in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[place] for place in kept), rows=rows)
