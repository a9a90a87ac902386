"""Drawings of lives: one bar for every stretch, in the row of what is true and of what is believed."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from crl.reporting.html.figures.lives import BELIEVED, BRIDGED, LEFT, TRUE, drawing

SVG = "{http://www.w3.org/2000/svg}"


def life(**more: Any) -> dict[str, Any]:
    """A life of two regimes, in which the nominal one is believed for ten steps too long."""
    return {
        "steps": 200,
        "by_regime": {"nominal": {}, "3_gains": {}},
        "timeline": [
            [0, 0, 0, "known"],
            [100, 3, 0, "known"],
            [110, 3, 0, "bridged"],
            [140, 3, 5, "known"],
        ],
        **more,
    }


def bars(text: str, style: str) -> list[tuple[float, float]]:
    """Rows and widths of the bars of a style."""
    found = ElementTree.fromstring(text).iter(f"{SVG}rect")
    return [(float(bar.get("y", 0)), float(bar.get("width", 0))) for bar in found if bar.get("style") == style]


def test_what_is_believed_stands_in_the_row_of_its_true_regime() -> None:
    text = drawing(life(), "seed 1")
    true, believed, bridged = (bars(text, style) for style in (TRUE, BELIEVED, BRIDGED))
    rows = sorted({row for row, _ in true})
    assert len(rows) == 2
    assert [rows.index(row - 5) for row, _ in believed] == [0, 0, 1]
    assert [rows.index(row - 5) for row, _ in bridged] == [1]
    assert abs(sum(width for _, width in true) - 2 * true[0][1]) < 0.5


def test_the_error_is_drawn_where_it_is_known() -> None:
    assert "distance to the leg" not in drawing(life(), "seed 1")
    drawn = drawing(life(beside=[0.1, 5.0, 0.02, 0.0], beside_every=50), "seed 1")
    path = next(ElementTree.fromstring(drawn).iter(f"{SVG}path")).get("d", "")
    heights = [float(point.split(" ")[1]) for point in path[1:].split("L")]
    assert heights[1] < heights[0] < heights[2] <= heights[3]
    assert float(path[1:].split(" ")[0]) > LEFT


def test_a_refiner_without_a_memory_believes_the_nominal_regime_until_it_sees_a_change() -> None:
    timeline = [[0, 0, 0, "nominal"], [100, 3, 0, "nominal"], [110, 3, None, "unexplained"], [140, 3, None, "bridged"]]
    text = drawing(life(timeline=timeline), "seed 1")
    rows = sorted({row for row, _ in bars(text, TRUE)})
    assert [rows.index(row - 5) for row, _ in bars(text, BELIEVED)] == [0, 0]
    assert [rows.index(row - 5) for row, _ in bars(text, BRIDGED)] == [1, 1]
