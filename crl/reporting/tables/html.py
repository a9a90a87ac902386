"""Tables in HTML, for the page of a report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup, escape

from crl.reporting.tables.kind import Align, Style
from crl.reporting.tables.table import Column, Table

DENSE = 8
"""Columns from which on letters are small."""
SORTED = 2
"""Rows from which on readers may sort."""
_TAGS = {Style.STRONG: "strong", Style.CODE: "code"}
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")


def html(table: Table) -> Markup:
    """The element ``table``; a cell that has a number carries it as ``data-order``, by which the page sorts."""
    dense = " dense" if len(table.columns) > DENSE else ""
    sort = " data-sort" if len(table.rows) > SORTED else ""
    head = "".join(
        f'<th scope="col"{_side(column) if place else ""}>{escape(column.heading)}</th>'
        for place, column in enumerate(table.columns)
    )
    body = "".join(f"<tr>{''.join(_cells(table.columns, row))}</tr>" for row in table.rows)
    return Markup(
        f'<table class="data{dense}"{sort}>\n<caption class="unseen">{escape(table.title)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>\n</table>"
    )


def _cells(columns: tuple[Column, ...], row: tuple[Any, ...]) -> Iterator[str]:
    yield f'<th scope="row">{breakable(str(columns[0].write(row[0])))}</th>'
    for column, value in zip(columns[1:], row[1:], strict=True):
        yield _cell(column, value)


def _cell(column: Column, value: Any) -> str:
    written, order = column.write(value), column.order(value)
    key = f' data-order="{float(order)!r}"' if order is not None else ""
    text = written.value if column.kind.align is Align.LEFT else _MINUS.sub("−", written.value)
    shown = f"{escape(text)}"
    if written.style in _TAGS:
        shown = f"<{_TAGS[written.style]}>{shown}</{_TAGS[written.style]}>"
    small = f" <small>{escape(_MINUS.sub('−', written.bounds))}</small>" if written.bounds else ""
    return f"<td{_side(column)}{key}>{shown}{small}</td>"


def _side(column: Column) -> str:
    return ' class="text"' if column.kind.align is Align.LEFT else ""


def breakable(name: str) -> Markup:
    """A name that may go on in the next line after an underscore."""
    return Markup(str(escape(name)).replace("_", "_<wbr>"))
