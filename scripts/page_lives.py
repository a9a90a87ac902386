"""Writes docs/results/lives.md from docs/results/lives.json, or the page of another body's lives from its file.

usage: python scripts/page_lives.py [JSON [PAGE]]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from crl.reporting.pages.lives import goals, waypoints


def main() -> None:
    """Write the page."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/results/lives.json")
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else source.with_suffix(".md")
    rows = json.loads(source.read_text())
    pages = waypoints if rows[0]["waypoints"] is not None else goals
    text = pages.page(rows, source.stem)
    target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
