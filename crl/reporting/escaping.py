"""Names in files that other programs read: what each format would take for more than text."""

from __future__ import annotations

import re

from crl.text import printable

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "−": "--",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "|": r"\textbar{}",
    '"': r"''",
}
_NUMBER = re.compile(r"(?<![\w.])-(?=\d)")


def one_line(text: str) -> str:
    """Text in one line, without control characters."""
    return " ".join(printable(text).split())


def csv_cell(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe; numbers stay."""
    if not isinstance(cell, str):
        return cell
    text = one_line(cell)
    return f"'{text}" if cell.startswith(_FORMULA) or text.startswith(_FORMULA) else text


def markdown_cell(text: str) -> str:
    """A cell of a Markdown table."""
    return one_line(text).replace("|", r"\|")


def markdown_text(text: str) -> str:
    """Text of a Markdown page in which nothing is taken for HTML."""
    return one_line(text).replace("<", "&lt;")


def latex_text(text: str) -> str:
    """Text as LaTeX prints it; a minus before a number is one."""
    return _NUMBER.sub("$-$", "".join(_LATEX.get(character, character) for character in one_line(text)))
