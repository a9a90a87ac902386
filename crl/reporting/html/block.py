"""What a page is made of: blocks with a title, their drawings, and the tables behind these."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from crl.reporting.tables.table import Table


@dataclass(frozen=True)
class Figure:
    """A drawing with its table.

    Attributes:
        svg: The drawing, or several that stand side by side.
        title: What it shows.
        note: How to read it.
        tables: The same numbers as tables, folded.
        above: Something above the drawing, such as a colour scale.
        legend: Methods with their places, where the drawing lets readers hide them.
        group: Figures of one group stand behind tabs named by ``tab``.
        tab: Name of its tab.
    """

    svg: Sequence[str]
    title: str
    note: str = ""
    tables: Sequence[Table] = ()
    above: str = ""
    legend: Sequence[tuple[int, str]] = ()
    group: str = ""
    tab: str = ""


@dataclass(frozen=True)
class Block:
    """A part of a section.

    Attributes:
        key: Short name, unique in its section.
        title: Its heading.
        lead: Text below the heading.
        points: Sentences in a list.
        figures: Drawings.
        tables: Tables that stand open.
        folded: Tables that are opened by their title.
    """

    key: str
    title: str
    lead: str = ""
    points: Sequence[str] = ()
    figures: Sequence[Figure] = field(default_factory=list)
    tables: Sequence[Table] = ()
    folded: Sequence[Table] = ()


def prose(text: str) -> Markup:
    """Text with `code` between backquotes and *stress* between asterisks, as HTML."""
    coded = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*([^*\n]+)\*", r"<em>\1</em>", coded))
