"""Write the tables of docs/reference/settings.md: every setting with its default, what it may be and what it means.

python scripts/page_settings.py            # writes the page
python scripts/page_settings.py --check    # ends with 1 if it is not as it would be written
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from crl.config import Config
from crl.config.limits import leaves
from crl.reporting.explaining.settings_meaning import allowed, meanings, sections
from crl.reporting.tables.kind import Style
from crl.reporting.tables.kinds import Text
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"
BEGIN, END = "<!-- begin: scripts/page_settings.py -->\n", "<!-- end: scripts/page_settings.py -->\n"

COLUMNS = (
    *(Column("Setting", Text(Style.CODE)), Column("Default", Text(Style.CODE))),
    *(Column("May be"), Column("Meaning")),
)


def tables() -> str:
    """One table per section, in the order of the dataclasses."""
    said, values = meanings(), dict(leaves(Config()))
    parts = []
    for section, about in sections().items():
        rows = [key for key in values if key.rpartition(".")[0] == section]
        lines = [f"### {f'`{section}`' if section else 'The run'}\n", f"{about}\n" if section else ""]
        lines += markdown(Table.of(COLUMNS, [(key, _written(values[key]), allowed(key), said[key]) for key in rows]))
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def page(text: str) -> str:
    """The page with its tables as they are now."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{tables()}\n{END}{rest.partition(END)[2]}"


def _written(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    written = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        sys.exit(page(written) != written)
    PAGE.write_text(page(written), encoding="utf-8")
