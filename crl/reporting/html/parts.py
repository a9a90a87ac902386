"""The parts of the page: one per section, with all that the template shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crl.reporting.html.block import Block
from crl.reporting.html.figures.lives import lives as lives_blocks
from crl.reporting.html.runs_block import Video, VideoBudget, commands, different_settings, shared_settings, videos
from crl.reporting.html.section import blocks
from crl.reporting.report import lives, section_tables
from crl.reporting.report.gather import Section
from crl.reporting.report.summary import Summary
from crl.reporting.tables.table import Table

Fact = tuple[str, str]
"""A number, and what it counts."""


@dataclass(frozen=True)
class PagePart:
    """A part of the page.

    Attributes:
        key: Short name, unique on the page.
        title: Its title.
        facts: Numbers at its head.
        blocks: What its runs reached.
        runs: The table of its runs.
        videos: Videos by run.
        different: Settings in which runs differ.
        commands: By commit, the commands that make the runs again.
        shared: Settings that all runs share, by section of settings.
    """

    key: str
    title: str
    facts: Sequence[Fact]
    blocks: Sequence[Block]
    runs: Table
    videos: Sequence[tuple[str, list[Video]]]
    different: Table | None
    commands: Sequence[tuple[str, str]]
    shared: Sequence[tuple[str, list[tuple[str, str]]]]

    @classmethod
    def of(
        cls, section: Section, key: str, facts: Sequence[Fact], blocks: Sequence[Block], runs: Table, left: VideoBudget
    ) -> PagePart:
        """A part with what every section says of its runs."""
        return cls(
            key=key,
            title=section.title,
            facts=facts,
            blocks=blocks,
            runs=runs,
            videos=videos(section.runs, left),
            different=different_settings(section),
            commands=commands(section),
            shared=shared_settings(section),
        )


def scored(summary: Summary, key: str, left: VideoBudget) -> PagePart:
    """The part of a section whose runs were evaluated on tasks; ``left``: how much video may still be in the page."""
    several = [name for name in summary.methods if summary.iqm[name].known]
    best = max(several or summary.methods, key=lambda name: summary.iqm[name].value)
    among = "highest IQM of several seeds" if several else "highest IQM, one seed"
    facts = [
        *_counts(summary.section, "method"),
        _fact(len(summary.section.visits), "task", " in sequence"),
        *_flown(summary.section),
        (f"{best}, {summary.iqm[best].format(3 if summary.scale.normalised else 1)}", f"{among} ({summary.unit})"),
    ]
    return PagePart.of(summary.section, key, facts, blocks(summary), section_tables.runs(summary), left)


def lived(section: Section, key: str, left: VideoBudget) -> PagePart:
    """The part of a section whose runs lived, and learned no task; ``left`` as above."""
    found = Block("findings", "What it shows", lives.meaning(section), [*lives.said(section), *lives.limits(section)])
    parts = [found, *lives_blocks(section)]
    return PagePart.of(section, key, _counts(section, "arm"), parts, lives.runs(section), left)


def _counts(section: Section, noun: str) -> list[Fact]:
    """How many runs, methods and seeds there are."""
    seeds = sorted({len(group) for group in section.groups.values()})
    many = (f"{seeds[0]} to {seeds[-1]}", f"seeds per {noun}")
    each = _fact(seeds[0], "seed", f" per {noun}")
    return [_fact(len(section.runs), "run"), _fact(len(section.groups), noun), many if seeds[1:] else each]


def _flown(section: Section) -> list[tuple[str, str]]:
    """How many missions were completed, where any was flown."""
    found = [record for run in section.runs for record in run.missions]
    done = sum(record["completed"] for record in found)
    return [(f"{done} of {len(found)}", "missions completed")] if found else []


def _fact(number: int, noun: str, more: str = "") -> tuple[str, str]:
    """A number, and what it counts."""
    return f"{number:,}", f"{noun if number == 1 else f'{noun}s'}{more}"
