"""Tables as data: what a cell says follows from its value, and what nobody knows has no column."""

from __future__ import annotations

import math
from typing import Any

import pytest

from crl.reporting.statistics import Interval
from crl.reporting.tables.kind import Kind
from crl.reporting.tables.kinds import Bounds, Change, Composite, Duration, Estimate, Number, Of, Settings, Text, YesNo
from crl.reporting.tables.table import Column, Table
from crl.reporting.tables.wording import duration

FOUND = Interval(-0.1234, -0.5, 0.00001)
ALONE = Interval(0.5, math.nan, math.nan)
NOTHING = Interval(math.nan, math.nan, math.nan)


@pytest.mark.parametrize(
    ("kind", "value", "expected", "order"),
    [
        (Text(), "a", "a", None),
        (Number("d"), 3, "3", 3),
        (Number(",.1f"), 1234.56, "1,234.6", 1234.56),
        (Number(".0f", 100, " %"), 0.257, "26 %", 0.257),
        (Number(".1%"), 0.5, "50.0%", 0.5),
        (Estimate(2), FOUND, "-0.12 [-0.50, 0.00]", -0.1234),
        (Estimate(0, 100.0), FOUND, "-12 [-50, 0]", -0.1234),
        (Estimate(1), ALONE, "0.5", 0.5),
        (Estimate(), NOTHING, "-", None),
        (Bounds(2), FOUND, "[-0.50, 0.00]", -0.5),
        (Bounds(), ALONE, "-", None),
        (Of(), (3, 1200), "3 of 1200", 3),
        (Of("in", grouped=True), (0, 1200), "0 in 1,200", 0),
        (Change(1), (0.5, 0.25), "0.5 → 0.2", 0.5),
        (YesNo(), False, "no", None),
        (Duration(), 7260.0, "2 h 01 min", 7260),
        (Settings(), [0.1, 0.1, None], "0.1, null", 0.1),
        (Settings(), [True], "true", None),
        (Settings(), [[4, 4]], "[4, 4]", None),
        (Settings(), [], "-", None),
        (Composite(lambda pair: f"{pair[0]}/{pair[1]}", lambda pair: pair[1]), (1, 2), "1/2", 2),
        (Number("d"), None, "-", None),
        (Number(".1f"), math.nan, "-", None),
    ],
)
def test_a_cell_says_its_value_and_is_sorted_by_it(kind: Kind, value: Any, expected: str, order: float | None) -> None:
    column = Column("c", kind)
    assert str(column.write(value)) == expected
    assert column.order(value) == order


def test_a_heading_has_its_unit() -> None:
    assert Column("cross-track", Estimate(), "m").heading == "cross-track (m)"
    assert Column("steps").heading == "steps"


def test_what_nobody_knows_has_no_column_but_the_first_which_names_the_rows() -> None:
    columns = [Column("a"), Column("b", Number("d")), Column("c", Estimate()), Column("d", Number("d"))]
    table = Table.of(columns, [(None, None, NOTHING, 1), ("x", None, None, None)])
    assert table.known().head == ("a", "d")
    assert table.known().rows == ((None, 1), ("x", None))
    assert [[str(cell) for cell in row] for row in table.known().written] == [["-", "1"], ["x", "-"]]


def test_a_column_may_say_otherwise_that_nothing_is_known() -> None:
    table = Table.of([Column("a"), Column("b", Number("d"), missing="")], [("x", None)])
    assert [str(cell) for cell in table.written[0]] == ["x", ""]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 columns"):
        Table.of([Column("a"), Column("b")], [("x",)])


@pytest.mark.parametrize(("seconds", "expected"), [(3.25, "3.2 s"), (75.0, "1 min 15 s"), (3661.0, "1 h 01 min")])
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected
