"""Charts with a row per method: a point with its interval and a dot per seed, or a bar in parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from crl.reporting.html import colours, svg
from crl.reporting.statistics import Interval

ROW = 26.0
WIDTH = 920.0
RIGHT = 175.0
"""Room for the numbers at the right (px)."""


@dataclass(frozen=True)
class Row:
    """One method.

    Attributes:
        name: Its name.
        place: Its place among all methods, which gives its colour.
        interval: Estimate with its interval; ``None``: not known.
        dots: One number per seed.
        seeds: How many seeds.
    """

    name: str
    place: int
    interval: Interval | None
    dots: Sequence[float] = ()
    seeds: int = 0


def forest(
    rows: Sequence[Row],
    label: str,
    axis: str,
    show: Callable[[float], str],
    *,
    marks: Sequence[tuple[float, str]] = (),
    log: bool = False,
) -> str:
    """A point with its interval per method, hollow where one seed gives none; a faint dot per seed.

    Args:
        rows: Methods from top to bottom.
        label: What the chart is called by a screen reader.
        axis: Title of the axis.
        show: Text of a number.
        marks: Numbers that have a meaning, with it: a dashed line each.
        log: A logarithmic axis, for what spans several orders; what is not above zero stands at its left end.
    """
    left = 12 + 6.6 * max(len(svg.shorten(row.name, 34)) for row in rows)
    span = WIDTH - left - RIGHT
    numbers = [value for row in rows for value in _numbers(row)] + [value for value, _ in marks]
    low, high = _range([value for value in numbers if value > 0 or not log], log)

    def x(value: float) -> float:
        if log:
            if value <= low:
                return left
            return left + span * (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return left + span * (value - low) / (high - low)

    top = 20.0 if marks else 8.0
    bottom = top + ROW * len(rows)
    parts = []
    for tick in _ticks(low, high, log):
        parts += [
            svg.line(x(tick), top, x(tick), bottom, "grid"),
            svg.text(svg.short(tick), x(tick), bottom + 15, text_anchor="middle", class_="tick"),
        ]
    for value, meaning in marks:
        parts += [
            svg.line(x(value), top - 4, x(value), bottom, "mark"),
            svg.text(meaning, x(value), top - 8, text_anchor="middle", class_="tick"),
        ]
    parts.append(svg.text(axis, left + span / 2, bottom + 32, text_anchor="middle", class_="axis"))
    for place, row in enumerate(rows):
        parts.append(_row(row, top + ROW * (place + 0.5), left, x, show))
    return svg.chart(WIDTH, bottom + 40, label, *parts)


def stacked(
    rows: Sequence[tuple[str, Mapping[str, float]]], label: str, axis: str, show: Callable[[float], str]
) -> str:
    """A bar per method, in parts of one colour each, which the legend above names."""
    kinds = list(dict.fromkeys(kind for _, parts in rows for kind in parts))
    left = 12 + 6.6 * max(len(svg.shorten(name, 34)) for name, _ in rows)
    span = WIDTH - left - RIGHT
    high = max((sum(parts.values()) for _, parts in rows), default=1.0) or 1.0
    top = 28.0
    bottom = top + ROW * len(rows)
    drawn = []
    at = left
    for place, kind in enumerate(kinds):
        drawn += [
            svg.tag("rect", x=at, y=4, width=10, height=10, style=f"fill:{colours.method(place)}"),
            svg.text(kind, at + 14, 13, class_="tick"),
        ]
        at += 30 + 6.6 * len(kind)
    for tick in svg.ticks(0, high):
        x = left + span * tick / high
        drawn += [
            svg.line(x, top, x, bottom, "grid"),
            svg.text(svg.short(tick), x, bottom + 15, text_anchor="middle", class_="tick"),
        ]
    for row, (name, parts) in enumerate(rows):
        y = top + ROW * row
        drawn.append(svg.text(svg.shorten(name, 34), left - 8, y + ROW / 2 + 4, text_anchor="end", class_="name"))
        at = left
        for kind, value in parts.items():
            width = span * value / high
            rect = svg.tag(
                "rect",
                x=at,
                y=y + 5,
                width=max(width - 0.6, 0.0),
                height=ROW - 10,
                style=f"fill:{colours.method(kinds.index(kind))}",
                data_tip=f"{name}, {kind}: {show(value)} ({value / (sum(parts.values()) or 1):.0%})",
            )
            drawn.append(rect)
            at += width
        drawn.append(svg.text(show(sum(parts.values())), WIDTH - RIGHT + 14, y + ROW / 2 + 4, class_="number"))
    drawn.append(svg.text(axis, left + span / 2, bottom + 32, text_anchor="middle", class_="axis"))
    return svg.chart(WIDTH, bottom + 40, label, *drawn)


def _row(row: Row, y: float, left: float, x: Callable[[float], float], show: Callable[[float], str]) -> str:
    colour = colours.method(row.place)
    parts = [svg.text(svg.shorten(row.name, 34), left - 8, y + 4, text_anchor="end", class_="name")]
    if row.interval is None or not math.isfinite(row.interval.value):
        parts.append(svg.text("not known", WIDTH - RIGHT + 14, y + 4, class_="number"))
        return svg.tag("g", *parts)
    found = row.interval
    apart = found.known and not show(found.low) == show(found.high) == show(found.value)
    bounds = f" [{show(found.low)}, {show(found.high)}]" if apart else ""
    for dot in row.dots:
        parts.append(svg.tag("circle", cx=x(dot), cy=y + 7, r=2, class_="dot"))
    if found.known:
        parts.append(
            svg.tag("line", x1=x(found.low), x2=x(found.high), y1=y, y2=y, class_="whisker", style=f"stroke:{colour}")
        )
    fill = colour if found.known else "var(--card)"
    parts += [
        svg.tag("circle", cx=x(found.value), cy=y, r=5, style=f"fill:{fill};stroke:{colour}", class_="point"),
        svg.text(f"{show(found.value)}{bounds}", WIDTH - RIGHT + 14, y + 4, class_="number"),
        svg.tag("rect", x=left, y=y - ROW / 2, width=WIDTH - RIGHT - left, height=ROW, class_="hit"),
    ]
    seeds = f", {row.seeds} seeds" if row.seeds > 1 else ", one seed, no interval" if row.seeds else ""
    return svg.tag("g", *parts, data_tip=f"{row.name}: {show(found.value)}{bounds}{seeds}")


def _numbers(row: Row) -> list[float]:
    if row.interval is None:
        return []
    found = [row.interval.value, *row.dots]
    return [v for v in (*found, row.interval.low, row.interval.high) if math.isfinite(v)]


def _range(numbers: Sequence[float], log: bool) -> tuple[float, float]:
    if not numbers:
        return (1.0, 10.0) if log else (0.0, 1.0)
    low, high = min(numbers), max(numbers)
    if log:
        return 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high) + 1e-9)
    room = 0.05 * (high - low) or 0.1 * abs(high) or 0.5
    return low - room, high + room


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if not log:
        return svg.ticks(low, high, 6)
    first, last = round(math.log10(low)), round(math.log10(high))
    step = max(1, (last - first) // 6)
    return [10.0**power for power in range(first, last + 1, step)]
