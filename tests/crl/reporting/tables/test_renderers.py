"""One table in every format: all say the same, and no name can break one."""

from __future__ import annotations

import csv
import io
import re
from xml.etree import ElementTree

import pytest
from rich.console import Console

from crl.reporting.statistics import Interval
from crl.reporting.tables.comma_separated import comma_separated
from crl.reporting.tables.html import html
from crl.reporting.tables.kind import Style
from crl.reporting.tables.kinds import Estimate, Number, Text, YesNo
from crl.reporting.tables.latex import latex
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table
from crl.reporting.tables.terminal import terminal

NAMES = ["plain", "a | b", "a|b", r"a\|b", "back\\", "", "two\nlines", "  rim ", "|", "||", "<b>", "\x1b[31m"]
COLUMNS = (Column("method"), Column("score", Estimate(2)), Column("steps", Number(",d")), Column("holds", YesNo(True)))
ROWS = [("a_b", Interval(-0.5, -1.0, 0.25), 1200, True), ("[x]", Interval(0.1, 0.0, 0.2), None, False)]
TABLE = Table.of(COLUMNS, ROWS).named("key", "A title", "A note.")


def cells(line: str) -> list[str]:
    """The cells of a line of a Markdown table, as a reader of Markdown takes them."""
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_in_its_cell_of_a_markdown_table(name: str) -> None:
    lines = markdown(Table.of([Column("method"), Column(name)], [(name, "1"), ("x", name)]))
    plain = " ".join(name.replace("\x1b", "").split())
    if name != r"a\|b":  # which Markdown can't tell from an escaped bar
        assert [cells(line) for line in lines] == [["method", plain], ["---", "---"], [plain, "1"], ["x", plain]]
    assert {len(cells(line)) for line in lines} == {2}


def test_markdown() -> None:
    assert markdown(TABLE) == [
        "| method | score | steps | holds |",
        "| --- | --- | --- | --- |",
        "| a_b | -0.50 [-1.00, 0.25] | 1,200 | yes |",
        "| [x] | 0.10 [0.00, 0.20] | - | **no** |",
    ]
    assert markdown(Table.of([Column("a", Text(Style.CODE))], [("<b>",)]))[-1] == "| `<b>` |"
    assert markdown(Table.of([Column("<i>")], [("<b>",)]), foreign=True) == ["| &lt;i> |", "| --- |", "| &lt;b> |"]


def test_latex() -> None:
    lines = list(latex(TABLE, "A section: A title.", "tab:x"))
    assert r"  \begin{tabular}{lrrl}" in lines
    assert r"    a\_b & $-$0.50 {\small [$-$1.00, 0.25]} & 1,200 & yes \\" in lines
    assert r"    {}[x] & 0.10 {\small [0.00, 0.20]} & - & no \\" in lines
    assert r"  \caption{A section: A title. A note.}" in lines and r"  \label{tab:x}" in lines
    assert not any("resizebox" in line for line in lines)
    wide = Table.of([Column(str(place)) for place in range(7)], [["x"] * 7])
    assert any("resizebox" in line for line in latex(wide, "c", "l"))


def test_csv_has_numbers_at_full_precision_and_nothing_for_what_is_not_known() -> None:
    table = Table.of([Column("name"), Column("value", Number(".1f"))], [("=1", 1 / 3), ("a,b", None)])
    rows = list(csv.reader(io.StringIO(comma_separated(table))))
    assert rows == [["name", "value"], ["'=1", repr(1 / 3)], ["a,b", ""]]


def test_html_carries_the_numbers_by_which_it_is_sorted() -> None:
    root = ElementTree.fromstring(str(html(TABLE)).replace("<wbr>", ""))
    first, second = ([*row] for row in root.iter("tr") if row.find("td") is not None)
    assert first[1].get("data-order") == "-0.5"
    assert first[1].text == "−0.50 " and first[1][0].text == "[−1.00, 0.25]", "the interval stands small"
    assert (first[2].get("data-order"), second[2].get("data-order")) == ("1200.0", None)
    assert second[3].get("class") == "text" and second[3][0].tag == "strong"
    assert second[0].text == "[x]", "a name that looks like an interval is none"
    assert root.get("data-sort") is None, "two rows are not sorted"


def test_html_takes_no_name_for_html() -> None:
    text = html(Table.of([Column("<i>"), Column("b")], [("<b>", "<u> -1 [2]")]))
    assert "<i>" not in text and "<b>" not in text
    assert '<td class="text">&lt;u&gt; -1 [2]</td>' in text, "text is not taken for a number"


def test_terminal() -> None:
    console = Console(width=80, file=io.StringIO())
    console.print(terminal(TABLE))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "A title" in shown and "-0.50 [-1.00, 0.25]" in shown and "[x]" in shown
    assert [column.justify for column in terminal(TABLE).columns] == ["left", "right", "right", "left"]
