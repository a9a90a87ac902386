"""Tables for papers: Markdown and LaTeX with intervals, and CSV with one number per line at full precision."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from crl.reporting.escaping import csv_cell, latex_text, markdown_text, one_line
from crl.reporting.pages.parts import markdown_table
from crl.reporting.report import missions, section_tables
from crl.reporting.report.gather import Gathered
from crl.reporting.report.summary import Summary
from crl.reporting.report.table import Table
from crl.reporting.statistics import Interval


def markdown(gathered: Gathered, summaries: Sequence[Summary]) -> str:
    """All tables in Markdown, a section per sequence, problems first."""
    lines = ["# Report", ""]
    if gathered.problems:
        lines += ["## Problems", "", *(f"- {markdown_text(problem)}" for problem in gathered.problems), ""]
    for summary in summaries:
        lines += [f"## {markdown_text(summary.section.title)}", "", meaning(summary), ""]
        said = (*summary.said(), *summary.limits(), *summary.notes)
        lines += [*(f"- {markdown_text(line)}" for line in said), ""]
        for table in section_tables.of_section(summary):
            rows = [[cell.replace("<", "&lt;") for cell in row] for row in table.rows]
            head = [cell.replace("<", "&lt;") for cell in table.head]
            lines += [f"### {markdown_text(table.title)}", "", *markdown_table(head, rows), ""]
            lines += [table.note, ""] if table.note else []
    return "\n".join(lines).rstrip() + "\n"


def latex(gathered: Gathered, summaries: Sequence[Summary]) -> str:
    r"""All tables in LaTeX; the document needs ``\usepackage{booktabs}`` and, for wide ones, ``graphicx``."""
    lines = [r"% Tables of `crl report`. In the preamble: \usepackage{booktabs,graphicx}"]
    lines += [f"% problem: {one_line(problem)}" for problem in gathered.problems]
    for number, summary in enumerate(summaries, 1):
        lines += ["", f"% {one_line(summary.section.title)}: {meaning(summary)}"]
        for table in section_tables.of_section(summary):
            lines += ["", *_latex_table(table, summary.section.title, number)]
    return "\n".join(lines) + "\n"


def tidy(summaries: Sequence[Summary]) -> str:
    """One number per line: sequence, method, seeds, metric, task, other method, value, low, high; empty: none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["sequence", "method", "seeds", "metric", "visit", "task", "other", "value", "low", "high"])
    for summary in summaries:
        for row in _rows(summary):
            writer.writerow([csv_cell(cell) for cell in (summary.section.title, *row)])
    return out.getvalue()


def meaning(summary: Summary) -> str:
    """What a score is, in a sentence."""
    evaluation = summary.section.runs[0].results["evaluation"]
    episodes = f"Each is the mean of {evaluation.get('episodes')} evaluation episodes, without noise or learning."
    if not summary.scale.normalised:
        return f"Scores are returns, as the environment pays them. {episodes}"
    return (
        "Scores are returns, normalised per task: 0 is what random actions reach, 1 the mean of `single`, a new model "
        f"per task, just after it learned that task. {episodes}"
    )


def _latex_table(table: Table, section: str, number: int) -> Iterator[str]:
    wide = len(table.head) > 6
    yield r"\begin{table}[t]"
    yield r"  \centering"
    note = f" {table.note}" if table.note else ""
    yield f"  \\caption{{{latex_text(f'{section}: {table.title}.')}{latex_text(note)}}}"
    yield f"  \\label{{tab:crl-{number}-{re.sub('[^a-z0-9]+', '-', table.key.lower()).strip('-')}}}"
    if wide:
        yield r"  \resizebox{\linewidth}{!}{%"
    yield f"  \\begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}"
    yield r"    \toprule"
    yield f"    {' & '.join(map(latex_text, table.head))} \\\\"
    yield r"    \midrule"
    for row in table.rows:
        # A row that begins with a bracket would be read as the argument of the line break before it.
        yield f"    {' & '.join(_cell(cell) for cell in row)} \\\\"
    yield r"    \bottomrule"
    yield r"  \end{tabular}" + ("}" if wide else "")
    yield r"\end{table}"


def _cell(text: str) -> str:
    value, bracket, rest = text.partition(" [")
    small = f" {{\\small {latex_text(bracket.strip() + rest)}}}" if bracket else ""
    plain = latex_text(value)
    return (f"{{}}{plain}" if plain.startswith("[") else plain) + small


def _rows(summary: Summary) -> Iterator[list[object]]:
    counts = {name: len(runs) for name, runs in summary.measured.items()}
    averages = {"average": summary.average, "iqm": summary.iqm, "iqm_tasks_as_strata": summary.iqm_strata}
    others = {name: found for name, found in summary.metrics.items() if name != "average"}
    for metric, by_method in {**averages, **others}.items():
        for method, found in by_method.items():
            yield [method, counts[method], metric, "", "", "", *_numbers(found)]
    yield from _missions(summary)
    for (one, other), found in summary.improvement.items():
        yield [one, counts[one], "probability_of_improvement", "", "", other, *_numbers(found)]
    for method, runs in summary.measured.items():
        for run in runs:
            for visit, task in enumerate(summary.section.visits):
                for column, evaluated in enumerate(summary.scale.tasks):
                    value = run.matrix[visit, column]
                    if value == value:
                        where = [f"seed {run.seed}", "score", f"{visit + 1} {task}", evaluated, ""]
                        yield [method, *where, float(value), "", ""]


def _missions(summary: Summary) -> Iterator[list[object]]:
    """Share of completed missions of every method, and how far each mission came."""
    for method, runs in summary.section.groups.items():
        found, shares = missions.completed(runs)
        if found is not None:
            yield [method, len(shares), "missions_completed", "", "", "", *_numbers(found)]
        for run in runs:
            for flown in run.missions:
                where = [f"seed {run.seed}", "mission_reached", f"seed {flown['seed']}", flown["mission"], ""]
                yield [method, *where, float(flown["reached_fraction"]), "", ""]


def _numbers(found: Interval) -> list[object]:
    return [found.value, *((found.low, found.high) if found.known else ("", ""))]
