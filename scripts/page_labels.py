"""Writes docs/results/labels.md from docs/results/labels.json.

usage: python scripts/page_labels.py [JSON [PAGE]]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from crl.reporting.pages.labels.evaluated import page


def main() -> None:
    """Write the page."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/results/labels.json")
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else source.with_suffix(".md")
    target.write_text(page(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
