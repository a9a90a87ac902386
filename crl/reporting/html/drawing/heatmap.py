"""Heat maps: reward matrices, and differences with a sign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from crl.reporting.html.drawing import colours, svg

ROOM = 20
"""Characters of a row's name that are shown."""
TITLE = 17
"""Characters of a column's name that are shown."""


@dataclass(frozen=True)
class Grid:
    """What a heat map shows.

    Attributes:
        values: Numbers [rows, columns]; NaN: not known, left empty.
        rows: Names of the rows.
        columns: Names of the columns.
        label: What the map is called by a screen reader.
        tips: What a cell says when pointed at.
        cell: Text in a cell.
    """

    values: NDArray[np.float64]
    rows: Sequence[str]
    columns: Sequence[str]
    label: str
    tips: Callable[[int, int], str]
    cell: Callable[[float], str]


def matrix(grid: Grid, low: float, high: float, *, tall: float = 20.0) -> str:
    """A heat map in cividis from ``low`` to ``high``; narrow enough that two or three stand side by side."""
    size = 31.0 if len(grid.columns) < 7 else min(max(310.0 / len(grid.columns), 24.0), 36.0)

    def paint(value: float) -> tuple[str, str]:
        return colours.cividis((value - low) / (high - low) if high > low else 0.5)

    return _draw(grid, paint, size, tall)


def signed(grid: Grid, extent: float, *, size: float = 46.0, tall: float = 24.0, middle: float = 0.0) -> str:
    """A heat map of differences from ``middle``, full colour at ``extent`` from it."""

    def paint(value: float) -> tuple[str, str]:
        return colours.difference((value - middle) / extent if extent > 0 else 0.0), "var(--ink)"

    return _draw(grid, paint, size, tall)


def legend(low: float, high: float, unit: str, show: Callable[[float], str]) -> str:
    """The colour scale of :func:`matrix`, with its unit as text that may go on in the next line."""
    steps = 40
    cells = [
        svg.tag("rect", x=4 * place, y=0, width=4.5, height=10, fill=colours.cividis(place / (steps - 1))[0])
        for place in range(steps)
    ]
    label = f"Colour scale from {show(low)} to {show(high)}: {unit}"
    drawn = svg.tag("svg", *cells, width=4 * steps, height=10, role="img", aria_label=label)
    return f'<div class="scale">{escape(show(low))}{drawn}{escape(show(high))} <span>{escape(unit)}</span></div>'


def _draw(grid: Grid, paint: Callable[[float], tuple[str, str]], size: float, tall: float) -> str:
    names = [svg.shorten(name, ROOM) for name in grid.rows]
    side = 10 + 6.0 * max(map(len, names), default=0)
    head = 24 + 3.8 * max((len(svg.shorten(name, TITLE)) for name in grid.columns), default=0)
    parts = []
    for column, name in enumerate(grid.columns):
        x = side + (column + 0.5) * size
        parts.append(
            svg.text(
                svg.shorten(name, TITLE),
                x,
                head - 6,
                class_="tick",
                transform=f"rotate(-38 {svg.number(x)} {svg.number(head - 6)})",
            )
        )
    for row, name in enumerate(names):
        y = head + row * tall
        parts.append(svg.text(name, side - 6, y + tall / 2 + 4, text_anchor="end", class_="tick"))
        for column in range(len(grid.columns)):
            value = float(grid.values[row, column])
            if np.isfinite(value):
                parts.append(_cell(grid, (row, column), (side + column * size, y, size, tall), paint(value)))
    slant = 4.6 * max((len(svg.shorten(name, TITLE)) for name in grid.columns), default=0) - size / 2
    width = side + size * len(grid.columns) + max(slant, 4.0)
    return svg.chart(width, head + tall * len(grid.rows) + 2, grid.label, *parts, class_="chart heat")


def _cell(grid: Grid, at: tuple[int, int], box: tuple[float, float, float, float], paint: tuple[str, str]) -> str:
    x, y, width, height = box
    fill, ink = paint
    return svg.tag(
        "g",
        svg.tag("rect", x=x, y=y, width=width - 1, height=height - 1, style=f"fill:{fill}"),
        svg.text(
            grid.cell(float(grid.values[at])),
            x + width / 2 - 0.5,
            y + height / 2 + 3.5,
            text_anchor="middle",
            class_="cell",
            style=f"fill:{ink}",
        ),
        data_tip=grid.tips(*at),
    )
