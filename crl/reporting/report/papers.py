"""Tables for papers: Markdown and LaTeX with intervals, and CSV with one number per line at full precision."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crl.reporting.escaping import markdown_text, one_line
from crl.reporting.report.part import Part
from crl.reporting.tables.comma_separated import comma_separated
from crl.reporting.tables.kinds import Number
from crl.reporting.tables.latex import latex as latex_lines
from crl.reporting.tables.markdown import markdown as markdown_lines
from crl.reporting.tables.table import Column, Table


def markdown(parts: Sequence[Part], problems: Sequence[str]) -> str:
    """All tables in Markdown, problems first."""
    lines = ["# Report", ""]
    if problems:
        lines += ["## Problems", "", *(f"- {markdown_text(problem)}" for problem in problems), ""]
    for part in parts:
        lines += [f"## {markdown_text(part.title)}", "", part.meaning, ""]
        lines += [*(f"- {markdown_text(line)}" for line in part.said), ""]
        for table in part.tables:
            lines += [f"### {markdown_text(table.title)}", "", *markdown_lines(table, foreign=True), ""]
            lines += [table.note, ""] if table.note else []
    return "\n".join(lines).rstrip() + "\n"


def latex(parts: Sequence[Part], problems: Sequence[str]) -> str:
    r"""All tables in LaTeX; the document needs ``\usepackage{booktabs}`` and, for wide ones, ``graphicx``."""
    lines = [r"% Tables of `crl report`. In the preamble: \usepackage{booktabs,graphicx}"]
    lines += [f"% problem: {one_line(problem)}" for problem in problems]
    for number, part in enumerate(parts, 1):
        lines += ["", f"% {one_line(part.title)}: {part.meaning}"]
        for table in part.tables:
            label = f"tab:crl-{number}-{re.sub('[^a-z0-9]+', '-', table.key.lower()).strip('-')}"
            lines += ["", *latex_lines(table, f"{part.title}: {table.title}.", label)]
    return "\n".join(lines) + "\n"


def tidy(parts: Sequence[Part]) -> str:
    """One number per line: sequence, method, seeds, metric, task, other method, value, low, high; empty: none."""
    titles = ("sequence", "method", "seeds", "metric", "visit", "task", "other")
    columns = [*map(Column, titles), *(Column(title, Number("g")) for title in ("value", "low", "high"))]
    rows = [
        (
            *(part.title, fact.method, fact.seeds, fact.metric, fact.visit, fact.task, fact.other),
            *(fact.value.value, fact.value.low, fact.value.high),
        )
        for part in parts
        for fact in part.facts
    ]
    return comma_separated(Table.of(columns, rows))
