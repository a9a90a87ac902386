"""Tables as comma-separated values, at full precision."""

from __future__ import annotations

import csv
import io

from crl.reporting.escaping import csv_cell
from crl.reporting.tables.table import Table


def comma_separated(table: Table) -> str:
    """The text of a CSV file with a line of titles; values that are not known are empty.

    Args:
        table: A table of numbers and texts, each in a column of its own.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.head)
    for row in table.rows:
        pairs = zip(table.columns, row, strict=True)
        writer.writerow([csv_cell(value) if column.kind.known(value) else "" for column, value in pairs])
    return out.getvalue()
