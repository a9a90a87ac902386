"""Writes docs/results/lives.md from docs/results/lives.json, or the page of another body's lives from its file.

usage: python scripts/page_lives.py [JSON [PAGE]]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from crl.reporting.pages import goal_lives_page, lives_page


def main() -> None:
    """Write the page."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/results/lives.json")
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else source.with_suffix(".md")
    rows = json.loads(source.read_text())
    # Lives of before there were other bodies do not say whose they are.
    of_goals = rows[0].get("env", "ugv_life") != "ugv_life"
    text = goal_lives_page.page(rows, source.stem) if of_goals else lives_page.page(rows)
    target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
