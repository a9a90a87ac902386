"""The terminal, for text that others may have written.

Names of tasks, runs and settings come from files. Rich would take brackets in them for markup and colons for emoji, and
a terminal obeys escape sequences. Whatever `crl` shows goes through these two classes, which take text as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from crl.terminal import Terminal
from crl.text import printable


class PlainConsole(Terminal):
    """A console that outlives its reader, without markup and emoji, and without others' control characters.

    A single print may ask for markup.

    Args:
        options: As :class:`rich.console.Console` has them.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of something to be shown; Rich's own control codes pass."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


class PlainTable(Table):
    """A table whose title, headers and cells are text as it is, on whatever console it is shown."""

    def __init__(self, *headers: Any, title: str | Text | None = None, **options: Any) -> None:
        super().__init__(*headers, title=plain(title), **options)  # headers come to `add_column`

    def add_column(self, header: Any = "", *given: Any, **options: Any) -> None:
        """Add a column; see :meth:`rich.table.Table.add_column`."""
        super().add_column(plain(header), *given, **options)

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row; see :meth:`rich.table.Table.add_row`."""
        super().add_row(*map(plain, cells), **options)


def plain(shown: Any) -> Any:
    """Text that Rich does not interpret, without control characters; what is no text stays."""
    if isinstance(shown, Text):
        clean = shown.copy()
        clean.plain = printable(shown.plain)
        return clean
    return Text(printable(shown)) if isinstance(shown, str) else shown
