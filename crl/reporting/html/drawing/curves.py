"""Learning curves with intervals: small panels over environment steps, and one chart over the tasks learned."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crl.reporting.html.drawing import colours, svg
from crl.reporting.measures import Measures
from crl.reporting.statistics import Interval, interval
from crl.training.metrics.curves import Curve

BINS = 120
"""Points of a learning curve over all visits, at most."""
RESAMPLES = 1000


@dataclass(frozen=True)
class Line:
    """A line with its interval.

    Attributes:
        name: The method's name.
        place: Its place among all methods.
        x: Places of the points.
        points: Estimates with intervals; NaN breaks the line.
        tips: What a point says when pointed at.
    """

    name: str
    place: int
    x: Sequence[float]
    points: Sequence[Interval]
    tips: Sequence[str]


@dataclass(frozen=True)
class Frame:
    """Place and scale of a panel: x and y ranges, and the drawing's box."""

    x: tuple[float, float]
    y: tuple[float, float]
    box: tuple[float, float, float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point in the drawing."""
        left, top, width, height = self.box
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        return left + width * across, top + height * (1 - min(max(up, -0.02), 1.02))


def training_line(name: str, place: int, runs: Sequence[Measures], show: Callable[[float], str]) -> Line | None:
    """The training scores of a method's runs: visit by visit on a common grid, mean over the runs with its interval.

    A visit lasts as long as it did on average; each of its bins holds the mean score of the steps in it. Runs that
    were cut short leave later visits to the others. ``None`` where no run has a curve.
    """
    curved = [run.curves for run in runs if run.curves]
    if not curved:
        return None
    visits = max(len(curves) for curves in curved)
    bins = max(4, min(24, BINS // visits))
    x: list[float] = []
    points: list[Interval] = []
    tips: list[str] = []
    start = 0.0
    for visit in range(visits):
        there = [curves[visit] for curves in curved if len(curves) > visit]
        span = float(np.mean([curve.span for curve in there]))
        table = np.stack([resample(curve, bins) for curve in there])
        for column in range(bins):
            found = interval(table[:, column], resamples=RESAMPLES)
            at = start + span * (column + 0.5) / bins
            x.append(at)
            points.append(found)
            task, bounds = there[0].task, _bounds(found, show)
            tips.append(f"{name}, learning {task} at {at:,.0f} steps: {show(found.value)}{bounds}")
        x.append(start + span)
        points.append(Interval(math.nan, math.nan, math.nan))
        tips.append("")
        start += span
    return Line(name, place, x, points, tips)


def resample(curve: Curve, bins: int) -> NDArray[np.float64]:
    """Mean score of the steps in each of as many equal parts of a curve: an episode's score stands for all its steps.

    Args:
        curve: A learning curve.
        bins: Parts, at least 1.
    """
    ends = np.concatenate([[0.0], np.cumsum(curve.steps, dtype=np.float64)])
    sums = np.concatenate([[0.0], np.cumsum(np.array(curve.steps) * np.array(curve.scores))])
    edges = np.linspace(0.0, ends[-1], bins + 1)
    return np.asarray(np.diff(np.interp(edges, ends, sums)) / np.diff(edges))


def panel(
    line: Line, behind: Line | None, starts: Sequence[float], y: tuple[float, float], label: str, note: str, unit: str
) -> str:
    """A small panel with one method's curve, and the reference's mean behind it."""
    width, height = 470.0, 186.0
    last = max(line.x[-1], behind.x[-1] if behind else 0.0)
    frame = Frame((0.0, last), y, (58, 24, width - 70, height - 58))
    name = svg.text(svg.shorten(line.name, 44), 58, 14, class_="name strong")
    parts = [name, *_axes(frame, "environment steps", unit)]
    for start in starts:
        at = frame.at(start, y[0])[0]
        parts.append(svg.line(at, 24, at, height - 34, "task"))
    if behind is not None:
        parts.append(_stroke(frame, behind, "reference"))
        parts.append(svg.text(note, width - 12, 14, text_anchor="end", class_="tick"))
    parts += [_band(frame, line), _stroke(frame, line, "curve alone"), *_hits(frame, line)]
    return svg.chart(width, height, label, *parts, class_="chart panel")


def overlay(
    lines: Sequence[Line], ticks: Sequence[str], y: tuple[float, float], label: str, axis: str, unit: str
) -> str:
    """All methods in one chart, named at the right; a class per method lets the legend hide it."""
    return svg.for_both(lambda narrow: _overlay(lines, ticks, y, label, axis, unit, narrow))


def _overlay(
    lines: Sequence[Line],
    ticks: Sequence[str],
    y: tuple[float, float],
    label: str,
    axis: str,
    unit: str,
    narrow: bool,
) -> str:
    width, height = (svg.NARROW, 260.0) if narrow else (940.0, 350.0)
    box = (58.0, 12.0, width - 70, height - 56) if narrow else (66.0, 12.0, width - 66 - 168, height - 76)
    frame = Frame((0.6, len(ticks) + 0.15), y, box)
    # A phone has no room for names: the legend above has them, and the table below those of the tasks.
    places = [float(place) for place in range(1, len(ticks) + 1)]
    parts = _axes(frame, axis, unit, places[:: max(1, len(places) // 6)] if narrow else [], narrow)
    for place, name in enumerate([] if narrow else ticks, 1):
        x = frame.at(place, y[0])[0]
        parts.append(
            svg.text(
                f"{place} {svg.shorten(name, 15)}",
                x,
                height - 50,
                text_anchor="end",
                class_="tick",
                transform=f"rotate(-24 {svg.number(x)} {svg.number(height - 50)})",
            )
        )
    ends = _spread([frame.at(0, line.points[-1].value)[1] for line in lines], 13.0, height - 60)
    for line, end in zip(lines, ends, strict=True):
        marks = [
            svg.tag("circle", cx=at[0], cy=at[1], r=3, style=f"fill:{colours.method(line.place)}")
            for px, point in _pairs(line)
            if math.isfinite(point.value)
            for at in [frame.at(px, point.value)]
        ]
        title = [] if narrow else _named(frame, line, end)
        inside = [_band(frame, line), _stroke(frame, line, "curve"), *marks, *title, *_hits(frame, line)]
        parts.append(svg.tag("g", *inside, class_=f"series s{line.place}"))
    return svg.chart(width, height, label, *parts, class_=svg.sized(narrow))


def _named(frame: Frame, line: Line, end: float) -> list[str]:
    """A line's name at its end, moved to where there is room."""
    x, at = frame.at(line.x[-1], line.points[-1].value)
    style = f"fill:{colours.method(line.place)}"
    return [
        svg.tag("path", d=svg.path([(x + 6, at), (x + 16, end)]), class_="leader"),
        svg.text(svg.shorten(line.name, 22), x + 19, end + 4, class_="name", style=style),
    ]


def y_range(lines: Sequence[Line], normalised: bool) -> tuple[float, float]:
    """A common range: 0 to 1 at least for normalised scores."""
    numbers = [value for line in lines for p in line.points for value in (p.value, p.low, p.high)]
    known = [value for value in numbers if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if normalised:
        return min(low, 0.0), max(high, 1.0)
    room = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _axes(
    frame: Frame, title: str, unit: str, x_ticks: Sequence[float] | None = None, narrow: bool = False
) -> list[str]:
    left, top, width, height = frame.box
    parts = [svg.upright(unit, left - 44, top + height / 2)]
    across = svg.ticks(*frame.y, 4)
    for tick, said in zip(across, svg.labels(across), strict=True):
        y = frame.at(frame.x[0], tick)[1]
        parts += [
            svg.line(left, y, left + width, y, "grid"),
            svg.text(said, left - 6, y + 4, text_anchor="end", class_="tick"),
        ]
    along = svg.ticks(*frame.x, 4) if x_ticks is None else x_ticks
    for tick, said in zip(along, svg.labels(along), strict=True):
        x = frame.at(tick, frame.y[0])[0]
        parts.append(svg.text(said, x, top + height + 14, text_anchor="middle", class_="tick"))
    low = top + height + (28 if x_ticks is None else 32 if narrow else 60)
    return [*parts, svg.text(title, left + width / 2, low, text_anchor="middle", class_="axis")]


def _band(frame: Frame, line: Line) -> str:
    """The interval as a surface, a part per stretch without a gap."""
    parts: list[str] = []
    stretch: list[tuple[float, Interval]] = []
    for x, point in [*zip(line.x, line.points, strict=True), (0.0, Interval(math.nan, math.nan, math.nan))]:
        if point.known:
            stretch.append((x, point))
            continue
        if len(stretch) > 1:
            above = [frame.at(at, p.high) for at, p in stretch]
            below = [frame.at(at, p.low) for at, p in reversed(stretch)]
            parts.append(svg.path([*above, *below], closed=True))
        stretch = []
    return svg.tag("path", d="".join(parts), class_="band", style=f"fill:{colours.method(line.place)}") if parts else ""


def _stroke(frame: Frame, line: Line, class_: str) -> str:
    points = [frame.at(x, p.value) if math.isfinite(p.value) else (math.nan, math.nan) for x, p in _pairs(line)]
    own = class_ != "reference"
    return svg.tag(
        "path",
        d=svg.path(points),
        class_=class_,
        style=f"stroke:{colours.method(line.place)}" if own else None,
        stroke_dasharray=colours.dashes(line.place) if class_ == "curve" else None,
    )


def _hits(frame: Frame, line: Line) -> list[str]:
    """Marks to point at, unseen until then."""
    return [
        svg.tag("circle", cx=at[0], cy=at[1], r=5, class_="hit", data_tip=tip)
        for (x, point), tip in zip(_pairs(line), line.tips, strict=True)
        if math.isfinite(point.value)
        for at in [frame.at(x, point.value)]
    ]


def _pairs(line: Line) -> list[tuple[float, Interval]]:
    return list(zip(line.x, line.points, strict=True))


def _spread(places: Sequence[float], gap: float, lowest: float) -> list[float]:
    """Places moved apart to a least distance, in their order, none below ``lowest``."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    for before, after in zip(order, order[1:], strict=False):
        moved[after] = max(moved[after], moved[before] + gap)
    if order and moved[order[-1]] > lowest:
        moved[order[-1]] = lowest
        for after, before in zip(reversed(order), list(reversed(order))[1:], strict=False):
            moved[before] = min(moved[before], moved[after] - gap)
    return moved


def _bounds(found: Interval, show: Callable[[float], str]) -> str:
    return f" [{show(found.low)}, {show(found.high)}]" if found.known else ""
