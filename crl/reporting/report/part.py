"""A part of a report, whatever it is about: what every format writes of it."""

from __future__ import annotations

from dataclasses import dataclass

from crl.reporting.report import lives, section_tables
from crl.reporting.report.fact import Fact
from crl.reporting.report.facts import facts
from crl.reporting.report.gather import Section
from crl.reporting.report.summary import Summary
from crl.reporting.tables.table import Table


@dataclass(frozen=True)
class Part:
    """A part.

    Attributes:
        title: Its title.
        meaning: What its numbers are, in a sentence.
        said: What they show, what they do not show, and what was left out, a sentence each.
        tables: Its tables.
        facts: Its numbers at full precision.
    """

    title: str
    meaning: str
    said: tuple[str, ...]
    tables: tuple[Table, ...]
    facts: tuple[Fact, ...]


def scored(summary: Summary) -> Part:
    """The part of a section whose runs were evaluated on tasks."""
    said = (*summary.said(), *summary.limits(), *summary.notes)
    tables = tuple(section_tables.of_section(summary))
    return Part(summary.section.title, summary.meaning, said, tables, tuple(facts(summary)))


def lived(section: Section) -> Part:
    """The part of a section whose runs lived, and learned no task."""
    said = (*lives.said(section), *lives.limits(section))
    tables = (*lives.tables(section), lives.runs(section))
    return Part(section.title, lives.meaning(section), said, tables, tuple(lives.facts(section)))
