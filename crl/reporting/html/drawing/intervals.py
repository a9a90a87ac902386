"""Charts with a row per method: a point with its interval and a dot per seed, or a bar in parts.

Each is drawn twice: for wide pages with a method's name and number beside its row, for phones with both above it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from crl.reporting.html.drawing import colours, svg
from crl.reporting.statistics import Interval
from crl.text import counted

RIGHT = 175.0
"""Room for the numbers at the right of a wide chart (px)."""
NOTHING = 34.0
"""Room for the place of zero at the left of a logarithmic axis (px)."""


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


@dataclass(frozen=True)
class Layout:
    """Where names, marks and numbers of a row are.

    Attributes:
        narrow: Whether it is for phones.
        left, span: Where marks begin, and how wide their part is (px).
    """

    narrow: bool
    left: float
    span: float

    @classmethod
    def of(cls, names: Sequence[str], narrow: bool) -> Layout:
        """The layout for some names."""
        if narrow:
            return cls(True, 8.0, svg.NARROW - 16)
        left = 12 + 6.6 * max((len(svg.shorten(name, 34)) for name in names), default=0)
        return cls(False, left, svg.WIDE - left - RIGHT)

    @property
    def width(self) -> float:
        """Of the whole chart (px)."""
        return svg.NARROW if self.narrow else svg.WIDE

    @property
    def row(self) -> float:
        """Height of a row (px)."""
        return 42.0 if self.narrow else 26.0

    def middle(self, top: float) -> float:
        """Where the marks of a row are that begins at ``top``."""
        return top + (29.0 if self.narrow else self.row / 2)

    def texts(self, name: str, number: str, top: float) -> list[str]:
        """A row's name and number."""
        if self.narrow:
            return [
                svg.text(svg.shorten(name, 26), 2, top + 13, class_="name"),
                svg.text(number, self.width - 2, top + 13, text_anchor="end", class_="number"),
            ]
        y = top + self.row / 2 + 4
        return [
            svg.text(svg.shorten(name, 34), self.left - 8, y, text_anchor="end", class_="name"),
            svg.text(number, self.width - RIGHT + 14, y, class_="number"),
        ]

    def axis(self, title: str, bottom: float) -> list[str]:
        """The axis's title, in two lines where one is too long for a phone."""
        lines = svg.wrapped(title, 52) if self.narrow else [title]
        middle = self.width / 2 if self.narrow else self.left + self.span / 2
        return [
            svg.text(line, middle, bottom + 32 + 15 * number, text_anchor="middle", class_="axis")
            for number, line in enumerate(lines)
        ]


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
        log: A logarithmic axis, for what spans several orders; zero has a place of its own left of it.
    """
    return svg.for_both(lambda narrow: _forest(rows, label, axis, show, marks, log, narrow))


def _forest(
    rows: Sequence[Row],
    label: str,
    axis: str,
    show: Callable[[float], str],
    marks: Sequence[tuple[float, str]],
    log: bool,
    narrow: bool,
) -> str:
    place = Layout.of([row.name for row in rows], narrow)
    numbers = [value for row in rows for value in _numbers(row)] + [value for value, _ in marks]
    apart = NOTHING if log and any(value <= 0 for value in numbers) else 0.0
    low, high = _range([value for value in numbers if value > 0 or not log], log)
    low = low / 10 if apart else low
    left, span = place.left + apart, place.span - apart

    def x(value: float) -> float:
        if log:
            if value <= 0:
                return place.left
            return left + span * (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return left + span * (value - low) / (high - low)

    top = 20.0 if marks else 8.0
    bottom = top + place.row * len(rows)
    parts = []
    ticks = [*([0.0] if apart else []), *_ticks(low, high, log, narrow)]
    for tick, said in zip(ticks, svg.labels(ticks), strict=True):
        parts += [
            svg.line(x(tick), top, x(tick), bottom, "grid"),
            svg.text(said, x(tick), bottom + 15, text_anchor="middle", class_="tick"),
        ]
    for value, meaning in marks:
        parts += [
            svg.line(x(value), top - 4, x(value), bottom, "mark"),
            svg.text(meaning, x(value), top - 8, text_anchor="middle", class_="tick"),
        ]
    title = place.axis(axis, bottom)
    parts += title
    for number, row in enumerate(rows):
        parts.append(_row(row, top + place.row * number, place, x, show))
    return svg.chart(place.width, bottom + 25 + 15 * len(title), label, *parts, class_=svg.sized(narrow))


def stacked(
    rows: Sequence[tuple[str, Mapping[str, float]]], label: str, axis: str, show: Callable[[float], str]
) -> str:
    """A bar per method, in parts of one colour each, which the legend above names."""
    return svg.for_both(lambda narrow: _stacked(rows, label, axis, show, narrow))


def _stacked(
    rows: Sequence[tuple[str, Mapping[str, float]]],
    label: str,
    axis: str,
    show: Callable[[float], str],
    narrow: bool,
) -> str:
    kinds = list(dict.fromkeys(kind for _, parts in rows for kind in parts))
    place = Layout.of([name for name, _ in rows], narrow)
    high = max((sum(parts.values()) for _, parts in rows), default=1.0) or 1.0
    drawn, top = _kinds(kinds, place)
    bottom = top + place.row * len(rows)
    ticks = svg.ticks(0, high, 3 if narrow else 5)
    for tick, said in zip(ticks, svg.labels(ticks), strict=True):
        x = place.left + place.span * tick / high
        drawn += [
            svg.line(x, top, x, bottom, "grid"),
            svg.text(said, x, bottom + 15, text_anchor="middle", class_="tick"),
        ]
    for number, (name, parts) in enumerate(rows):
        y = top + place.row * number
        drawn += place.texts(name, show(sum(parts.values())), y)
        at = place.left
        for kind, value in parts.items():
            width = place.span * value / high
            rect = svg.tag(
                "rect",
                x=at,
                y=place.middle(y) - 8,
                width=max(width - 0.6, 0.0),
                height=16.0,
                style=f"fill:{colours.method(kinds.index(kind))}",
                data_tip=f"{name}, {kind}: {show(value)} ({value / (sum(parts.values()) or 1):.0%})",
            )
            drawn.append(rect)
            at += width
    title = place.axis(axis, bottom)
    return svg.chart(place.width, bottom + 25 + 15 * len(title), label, *drawn, *title, class_=svg.sized(narrow))


def _kinds(kinds: Sequence[str], place: Layout) -> tuple[list[str], float]:
    """The legend of a stacked chart, in as many lines as it needs, and where it ends."""
    drawn = []
    at, y = place.left, 4.0
    for number, kind in enumerate(kinds):
        width = 30 + 6.6 * len(kind)
        if at > place.left and at + width > place.width:
            at, y = place.left, y + 16
        drawn += [
            svg.tag("rect", x=at, y=y, width=10, height=10, style=f"fill:{colours.method(number)}"),
            svg.text(kind, at + 14, y + 9, class_="tick"),
        ]
        at += width
    return drawn, y + 24


def _row(row: Row, top: float, place: Layout, x: Callable[[float], float], show: Callable[[float], str]) -> str:
    colour, y = colours.method(row.place), place.middle(top)
    if row.interval is None or not math.isfinite(row.interval.value):
        return svg.tag("g", *place.texts(row.name, "not known", top))
    found = row.interval
    apart = found.known and not show(found.low) == show(found.high) == show(found.value)
    bounds = f" [{show(found.low)}, {show(found.high)}]" if apart else ""
    parts = place.texts(row.name, f"{show(found.value)}{bounds}", top)
    for dot in row.dots:
        parts.append(svg.tag("circle", cx=x(dot), cy=y + 7, r=2, class_="dot"))
    if found.known:
        parts.append(
            svg.tag("line", x1=x(found.low), x2=x(found.high), y1=y, y2=y, class_="whisker", style=f"stroke:{colour}")
        )
    fill = colour if found.known else "var(--card)"
    parts += [
        svg.tag("circle", cx=x(found.value), cy=y, r=5, style=f"fill:{fill};stroke:{colour}", class_="point"),
        svg.tag("rect", x=place.left, y=top, width=place.span, height=place.row, class_="hit"),
    ]
    seeds = f", {counted(row.seeds, 'seed')}" if row.seeds > 1 else ", one seed, no interval" if row.seeds else ""
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


def _ticks(low: float, high: float, log: bool, narrow: bool) -> list[float]:
    if not log:
        return svg.ticks(low, high, 3 if narrow else 6)
    first, last = round(math.log10(low)), round(math.log10(high))
    step = max(1, (last - first) // (3 if narrow else 6))
    return [10.0**power for power in range(first, last + 1, step)]
