"""A life over time: the regime that is true, the one that is believed, and the distance from the way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from crl.reporting.html.block import Block, Figure
from crl.reporting.html.drawing import intervals, svg
from crl.reporting.report import lives as report
from crl.reporting.report.gather import Section
from crl.reporting.report.record import ReportedRun
from crl.text import counted
from crl.training.lives.recalls import KNOWN, owners, spans

LEAD = (
    "Wide grey: the true regime, which nobody tells. Blue: the regime that is believed; an entry of the memory stands "
    "in the row of the true regime in which it was in force for the most steps. Vermilion: a change that nothing known "
    "explains is bridged by identification, and learned beside. Below: mean distance to the leg, or to the goal."
)
NOMINAL = "nominal"
"""The phase of a refiner without a memory in which nothing is corrected: it believes the nominal regime, number 0."""
ROW, LEFT, RIGHT, TOP, ERROR = 20.0, 190.0, 24.0, 8.0, 90.0
"""Height of a regime's row, margins, and height of the panel of the error (px)."""
PAPER = "--line:#bbb;--accent:#0072b2;--less:#d55e00;--ink:#000"
STYLE = f"svg{{{PAPER};background:#fff;font:12px sans-serif}} .task{{stroke:#ddd}} .tick{{fill:#444;font-size:11px}}"
"""Looks of a drawing that stands in no page."""
TRUE, BELIEVED, BRIDGED = "fill:var(--line)", "fill:var(--accent)", "fill:var(--less)"


def lives(section: Section) -> list[Block]:
    """What was lived: measures by arm, and a drawing per life; empty where no run lived."""
    arms = report.lived(section)
    if not arms:
        return []
    by_arm, every = report.tables(section)
    drawn = [_timelines(name, runs) for name, runs in arms.items()]
    return [
        Block("lives", "Lives", figures=[_lived(section, arms)], tables=[by_arm], folded=[every]),
        Block("regimes", "True and believed regimes", LEAD, figures=drawn),
    ]


def _lived(section: Section, arms: Mapping[str, Sequence[ReportedRun]]) -> Figure:
    """How well every arm lived: waypoints, or the reward of a body without any."""
    driven = report.waypoints(section)
    measure, title = (
        ("waypoints_per_1000_steps", "Waypoints per 1,000 steps") if driven else ("reward", "Reward per step")
    )
    rows = []
    for place, (name, runs) in enumerate(arms.items()):
        found, dots = report.measured(runs, measure)
        rows.append(intervals.Row(name, place, found, dots, len(dots)))
    label = f"{title} of {counted(len(rows), 'arm')} with 95 % intervals"
    axis = f"{title[0].lower()}{title[1:]} (more is better)"
    drawn = intervals.forest(rows, label, axis, lambda value: f"{value:.1f}" if driven else f"{value:.2f}")
    return Figure([drawn], title, "Small dots: lives.")


def _timelines(name: str, runs: Sequence[ReportedRun]) -> Figure:
    """The lives of an arm over time: the first one open, the others folded."""
    parts: list[str] = []
    for run in runs:
        if run.life is not None:
            drawn, seed = timeline(run.life, f"{name}, seed {run.seed}"), f"seed {run.seed}"
            parts.append(f"<details><summary>{seed}</summary>{drawn}</details>" if parts else f"<h5>{seed}</h5>{drawn}")
    return Figure(["".join(parts)], name)


def timeline(life: Mapping[str, Any], name: str) -> str:
    """The drawing of one life.

    Args:
        life: ``results.json``'s entry ``life``.
        name: What is drawn, for those who can't see it.
    """
    found = spans(life["timeline"], life["steps"])
    regimes = dict(zip(sorted({true for _, _, true, _, _ in found}), life["by_regime"], strict=True))
    place = {regime: TOP + ROW * row for row, regime in enumerate(regimes)}
    whose = owners(life["timeline"], life["steps"])
    scale = (svg.WIDE - LEFT - RIGHT) / life["steps"]
    parts = [
        svg.text(svg.shorten(label, 26), LEFT - 8, place[regime] + 14, text_anchor="end", class_="tick")
        for regime, label in regimes.items()
    ]
    for at, length, true, believed, phase in found:
        x, width = LEFT + scale * at, max(scale * length, 0.7)
        parts.append(svg.tag("rect", x=x, y=place[true] + 2, width=width, height=ROW - 4, style=TRUE))
        settled = {KNOWN: whose.get(believed, -1), NOMINAL: 0}
        row = place.get(settled[phase]) if phase in settled else place[true]
        if row is not None and phase:
            style = BELIEVED if phase in settled else BRIDGED
            parts.append(svg.tag("rect", x=x, y=row + 7, width=width, height=ROW - 14, style=style))
    foot = TOP + ROW * len(regimes)
    if beside := life.get("beside"):
        parts += _error(beside, int(life["beside_every"]), foot + 24, scale)
        foot += 24 + ERROR
    for value, label in zip(at_ := svg.ticks(0, life["steps"]), svg.labels(at_), strict=True):
        x = LEFT + scale * value
        parts += [svg.line(x, TOP, x, foot, "task"), svg.text(label, x, foot + 16, text_anchor="middle", class_="tick")]
    parts.append(svg.text("step of the life", (LEFT + svg.WIDE) / 2, foot + 34, text_anchor="middle", class_="axis"))
    return svg.chart(svg.WIDE, foot + 40, f"True and believed regime over the steps of {name}", *parts)


def drawing(life: Mapping[str, Any], name: str) -> str:
    """:func:`timeline` as a file of its own."""
    head = '<svg xmlns="http://www.w3.org/2000/svg"'
    return timeline(life, name).replace("<svg", head, 1).replace(">", f"><style>{STYLE}</style>", 1) + "\n"


def _error(beside: Sequence[float], every: int, top: float, scale: float) -> list[str]:
    """The panel of the distance to the leg or the goal, with a logarithmic axis: it differs by orders of magnitude."""
    low, high = 0.01, max(1.0, *beside)
    span = math.log10(high / low)

    def y(value: float) -> float:
        return top + ERROR * (1 - math.log10(max(value, low) / low) / span)

    parts = [svg.text("distance to the leg or the goal (m)", LEFT, top - 4, class_="axis")]
    for power in range(-2, math.floor(math.log10(high)) + 1):
        level = y(10.0**power)
        parts += [
            svg.line(LEFT, level, svg.WIDE - RIGHT, level, "task"),
            svg.text(svg.short(10.0**power), LEFT - 8, level + 4, text_anchor="end", class_="tick"),
        ]
    points = [(LEFT + scale * every * (place + 0.5), y(value)) for place, value in enumerate(beside)]
    return [*parts, svg.tag("path", d=svg.path(points), style="fill:none;stroke:var(--ink);stroke-width:1.5")]
