"""One number of a report at full precision, for those who go on calculating with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from crl.reporting.statistics import Interval


@dataclass(frozen=True)
class Fact:
    """One number.

    Attributes:
        method: Whose it is.
        seeds: How many seeds it was made of, or which.
        metric: What it is.
        value: The number, with its interval where it has one.
        visit: After which visit; empty: after all.
        task: On which task; empty: on all.
        other: The method that it compares with; empty: none.
    """

    method: str
    seeds: int | str
    metric: str
    value: Interval
    visit: str = ""
    task: str = ""
    other: str = ""


def alone(value: float) -> Interval:
    """A number without an interval."""
    return Interval(float(value), math.nan, math.nan)
