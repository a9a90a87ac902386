"""What is measured in a confirmation: its quantities, their intervals, and how its page words them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl.reporting.statistics import Interval
from crl.reporting.tables.table import Table

Record = dict[str, Any]
"""One mission or run: ``method``, ``fit`` (what is paired across methods), and what it came to."""


@dataclass(frozen=True)
class Kind:
    """A kind of confirmation.

    Attributes:
        records: What one record is, in the plural: ``missions``. The records have this key in the page's JSON.
        design: How they are laid out, for the page; ``{fits}`` stands for the number of fits.
        intervals: What the brackets are, for the page.
        quantities: What can be measured of a record, and what it is.
        shown: Columns of the tables, with their digits.
        measure: A quantity of one record; NaN where it has none.
        interval: Interval of a mean, from the values of each fit.
        tables: Further tables of the page, with their headings, from the records and the methods.
        kept: What of a record goes into the page's JSON; enough to judge again.
    """

    records: str
    design: str
    intervals: str
    quantities: Mapping[str, str]
    shown: Mapping[str, int]
    measure: Callable[[Record, str], float]
    interval: Callable[[Sequence[NDArray[np.float64]]], Interval]
    tables: Callable[[Sequence[Record], Sequence[str]], Sequence[tuple[str, Table]]]
    kept: Callable[[Record], Record]
