"""Tables in HTML, for the page of a report."""

from __future__ import annotations

import re
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
    dense = Markup(" dense") if len(table.columns) > DENSE else ""
    sort = Markup(" data-sort") if len(table.rows) > SORTED else ""
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_side(column) if place else "", column.heading)
        for place, column in enumerate(table.columns)
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(_cells(table.columns, row))) for row in table.rows
    )
    return Markup(
        '<table class="data{}"{}>\n<caption class="unseen">{}</caption>\n<thead><tr>{}</tr></thead>\n'
        "<tbody>{}</tbody>\n</table>"
    ).format(dense, sort, table.title, head, body)


def _cells(columns: tuple[Column, ...], row: tuple[Any, ...]) -> list[Markup]:
    name = Markup('<th scope="row">{}</th>').format(breakable(str(columns[0].write(row[0]))))
    return [name, *(_cell(column, value) for column, value in zip(columns[1:], row[1:], strict=True))]


def _cell(column: Column, value: Any) -> Markup:
    written = column.write(value)
    order = column.order(value)
    key = Markup(' data-order="{}"').format(repr(float(order))) if order is not None else ""
    text = written.value if column.kind.align is Align.LEFT else _MINUS.sub("−", written.value)
    shown = escape(text)
    if written.style in _TAGS:
        shown = Markup("<{0}>{1}</{0}>").format(_TAGS[written.style], shown)
    small = Markup(" <small>{}</small>").format(_MINUS.sub("−", written.bounds)) if written.bounds else ""
    return Markup("<td{}{}>{}{}</td>").format(_side(column), key, shown, small)


def _side(column: Column) -> Markup:
    return Markup(' class="text"') if column.kind.align is Align.LEFT else Markup("")


def breakable(name: str) -> Markup:
    """A name that may go on in the next line after an underscore."""
    return Markup(str(escape(name)).replace("_", "_<wbr>"))
