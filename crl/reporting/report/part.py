"""A part of a report, whatever it is about: what every format writes of it, made when a format asks for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

from crl.reporting.report import lives, section_tables
from crl.reporting.report.fact import Fact
from crl.reporting.report.facts import facts
from crl.reporting.report.gather import Section
from crl.reporting.report.summary import Summary
from crl.reporting.tables.table import Table


@dataclass(frozen=True)
class Part(ABC):
    """A part.

    Attributes:
        section: The runs that it is about.
    """

    section: Section

    @property
    def title(self) -> str:
        """Its title."""
        return self.section.title

    @property
    @abstractmethod
    def meaning(self) -> str:
        """What its numbers are, in a sentence."""

    @cached_property
    @abstractmethod
    def said(self) -> tuple[str, ...]:
        """What they show, what they do not show, and what was left out, a sentence each."""

    @cached_property
    @abstractmethod
    def tables(self) -> tuple[Table, ...]:
        """Its tables."""

    @cached_property
    @abstractmethod
    def facts(self) -> tuple[Fact, ...]:
        """Its numbers at full precision."""


@dataclass(frozen=True)
class Scored(Part):
    """A section whose runs were evaluated on tasks.

    Attributes:
        summary: Its numbers.
    """

    summary: Summary

    @classmethod
    def of(cls, summary: Summary) -> Scored:
        """The part of a section's numbers."""
        return cls(summary.section, summary)

    @property
    def meaning(self) -> str:
        """What a score is."""
        return self.summary.meaning

    @cached_property
    def said(self) -> tuple[str, ...]:
        """What the scores show."""
        return (*self.summary.said(), *self.summary.limits(), *self.summary.notes)

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """All tables of the section."""
        return tuple(section_tables.of_section(self.summary))

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """All numbers of the section."""
        return tuple(facts(self.summary))


@dataclass(frozen=True)
class Lived(Part):
    """A section whose runs lived, and learned no task."""

    @property
    def meaning(self) -> str:
        """What a life is."""
        return lives.meaning(self.section)

    @cached_property
    def said(self) -> tuple[str, ...]:
        """What the lives show."""
        return (*lives.said(self.section), *lives.limits(self.section))

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The lives by arm, every life, and the runs."""
        return (*lives.tables(self.section), lives.runs(self.section))

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """All measures of the lives."""
        return tuple(lives.facts(self.section))
