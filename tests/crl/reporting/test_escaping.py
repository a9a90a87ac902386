"""Names in files that other programs read."""

from __future__ import annotations

import pytest

from crl.reporting.escaping import csv_cell, latex_text, markdown_text


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("=cmd()", "'=cmd()"),
        ("+1", "'+1"),
        ("-x", "'-x"),
        ("@sum", "'@sum"),
        ("\t=1", "'=1"),
        ("\x1b=1", "'=1"),
        ("  =1", "'=1"),
        ("a=1", "a=1"),
        ("", ""),
        (-0.5, -0.5),
        (3, 3),
        ("a\nb", "a b"),
    ],
)
def test_no_cell_of_a_csv_is_a_formula(cell: object, expected: object) -> None:
    assert csv_cell(cell) == expected


def test_latex_has_no_line_that_a_name_ends() -> None:
    assert latex_text("a\n\\input{x} % \x1b[31m") == r"a \textbackslash{}input\{x\} \% [31m"


def test_markdown_has_no_html() -> None:
    assert markdown_text("<script>\nalert(1)") == "&lt;script> alert(1)"
