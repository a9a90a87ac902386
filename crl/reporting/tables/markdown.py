"""Tables in Markdown."""

from __future__ import annotations

from crl.reporting.escaping import markdown_cell, markdown_text
from crl.reporting.tables.kind import Style, Written
from crl.reporting.tables.table import Table

_MARKS = {Style.PLAIN: "", Style.STRONG: "**", Style.CODE: "`"}


def markdown(table: Table, *, foreign: bool = False) -> list[str]:
    """Lines of a Markdown table; no cell can break it.

    Args:
        table: The table; its title and its note are left to the page.
        foreign: Whether names in it may be others': then nothing in it is taken for HTML.
    """

    def cell(text: str) -> str:
        return markdown_cell(markdown_text(text) if foreign else text)

    def styled(written: Written) -> str:
        mark = _MARKS[written.style]
        return f"{mark}{cell(str(written))}{mark}"

    head = " ".join(f"| {cell(title)}" if title else "|" for title in table.head) + " |"
    rows = [["---" for _ in table.columns], *([styled(written) for written in row] for row in table.written)]
    return [head, *("| " + " | ".join(row) + " |" for row in rows)]


def block(table: Table) -> str:
    """The lines of a table as one text without a last line break."""
    return "\n".join(markdown(table))
