"""Tables for papers: what they hold, and that LaTeX can read them."""

from __future__ import annotations

import csv
import io
import re

import pytest

from crl.reporting.escaping import latex_text
from crl.reporting.report.gather import Gathered, gather
from crl.reporting.report.papers import latex, markdown, tidy
from crl.reporting.report.part import Part, Scored
from crl.reporting.report.summary import Summary
from crl.reporting.reports import Options, summarised
from crl.reporting.store.discover import discover
from tests.crl.reporting.folders import leave


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gathered, list[Summary]]:
    root = tmp_path_factory.mktemp("runs")
    for seed in range(2):
        leave(root, "hypercrl", seed)
        leave(root, "gradient_projection", seed, kept=0.7)
    (leave(root, "ewc", 0) / "results.json").unlink()
    gathered = gather(discover(root))
    return gathered, summarised(gathered, Options(normalise=False))


def parts(made: tuple[Gathered, list[Summary]]) -> list[Part]:
    return [Scored.of(summary) for summary in made[1]]


def test_csv_holds_every_number_at_full_precision(made: tuple[Gathered, list[Summary]]) -> None:
    (summary,) = made[1]
    rows = list(csv.DictReader(io.StringIO(tidy([Scored.of(summary)]))))
    (average,) = [row for row in rows if row["metric"] == "average" and row["method"] == "hypercrl"]
    found = summary.average["hypercrl"]
    assert [float(average[key]) for key in ("value", "low", "high")] == [found.value, found.low, found.high]
    better = [row for row in rows if row["metric"] == "probability_of_improvement"]
    assert {(row["method"], row["other"]) for row in better} == set(summary.improvement)
    cells = [row for row in rows if row["metric"] == "score" and row["method"] == "hypercrl"]
    assert len(cells) == 2 * (1 + 2 + 3), "the lower triangle of two seeds"
    assert {row["seeds"] for row in cells} == {"seed 0", "seed 1"}


def test_markdown_has_the_problems_first(made: tuple[Gathered, list[Summary]]) -> None:
    text = markdown(parts(made), made[0].problems)
    assert text.index("ewc_s0 is not in the report") < text.index("## slides") < text.index("### Scores")
    for line in text.splitlines():
        if line.startswith("| hypercrl |"):
            assert "nan" not in line
    assert re.search(r"\| hypercrl \| 2 \| -?\d+\.\d+ \[-?\d", text)


def test_latex_is_well_formed(made: tuple[Gathered, list[Summary]]) -> None:
    text = latex(parts(made), made[0].problems)
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") >= 6
    rules = (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}")
    assert len({text.count(rule) for rule in rules}) == 1
    code = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert code.count("{") - code.count(r"\{") == code.count("}") - code.count(r"\}")
    assert r"gradient\_projection" in code and "gradient_projection" not in code
    assert not re.search(r"(?<!\\)[%#]", code.replace("{%\n", "\n")), "no comment and no parameter by accident"
    assert re.search(r"\$-\$\d+\.\d+ \{\\small \[", code)
    labels = re.findall(r"\\label\{(.*?)\}", code)
    assert len(labels) == len(set(labels))
    widths = [len(letters) - 1 for letters in re.findall(r"\\begin\{tabular\}\{(l[lr]+)\}", code)]
    for width, table in zip(widths, code.split(r"\begin{tabular}")[1:], strict=True):
        rows = [line for line in table.split(r"\bottomrule")[0].splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {width}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b & 5 %", r"a\_b \& 5 \%"),
        ("-0.5 x-y 1-2", r"$-$0.5 x-y 1-2"),
        (r"\x{1}^~#$", r"\textbackslash{}x\{1\}\textasciicircum{}\textasciitilde{}\#\$"),
        ("1 → 2", r"1 $\rightarrow$ 2"),
    ],
)
def test_escapes(text: str, expected: str) -> None:
    assert latex_text(text) == expected
