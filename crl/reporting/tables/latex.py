"""Tables in LaTeX."""

from __future__ import annotations

from collections.abc import Iterator

from crl.reporting.escaping import latex_text
from crl.reporting.tables.kind import Align, Written
from crl.reporting.tables.table import Table

WIDE = 6
"""Columns that fit into a line; more are scaled down."""


def latex(table: Table, caption: str, label: str) -> Iterator[str]:
    r"""Lines of a floating table; the document needs ``\usepackage{booktabs}`` and, for wide ones, ``graphicx``.

    Args:
        table: The table; its note follows the caption.
        caption: Text of the caption.
        label: Name by which the text refers to it; plain letters, digits and dashes.
    """
    wide = len(table.columns) > WIDE
    yield r"\begin{table}[t]"
    yield r"  \centering"
    yield f"  \\caption{{{latex_text(f'{caption} {table.note}')}}}"
    yield f"  \\label{{{label}}}"
    if wide:
        yield r"  \resizebox{\linewidth}{!}{%"
    letters = "".join("l" if column.kind.align is Align.LEFT else "r" for column in table.columns)
    yield f"  \\begin{{tabular}}{{{letters}}}"
    yield r"    \toprule"
    yield f"    {' & '.join(map(latex_text, table.head))} \\\\"
    yield r"    \midrule"
    for row in table.written:
        yield f"    {' & '.join(map(_cell, row))} \\\\"
    yield r"    \bottomrule"
    yield r"  \end{tabular}" + ("}" if wide else "")
    yield r"\end{table}"


def _cell(written: Written) -> str:
    plain = latex_text(written.value)
    small = f" {{\\small {latex_text(written.bounds)}}}" if written.bounds else ""
    # A row that begins with a bracket would be read as the argument of the line break before it.
    return (f"{{}}{plain}" if plain.startswith("[") else plain) + small
