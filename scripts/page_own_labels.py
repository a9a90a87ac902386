"""Adds runs to docs/results/own_labels.json, and writes the page of learning without labels from it.

usage: python scripts/page_own_labels.py docs/results/own_labels.json [RUN ...]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from crl.reporting.pages.labels.learned import page, row_of
from crl.training.runs.folder import RunFolder
from crl.training.runs.settings import read_settings


def main() -> None:
    """Collect what is new, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", type=Path, nargs="*")
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(chosen.out.read_text()) if chosen.out.is_file() else []
    for run in chosen.runs:
        config, _ = read_settings(RunFolder.open(run))
        row = row_of(json.loads((run / "results.json").read_text()), config.continual.labels)
        keys = ("env", "strategy", "seed", "tasks", "labels")
        rows = [other for other in rows if any(other[key] != row[key] for key in keys)] + [row]
    chosen.out.write_text(json.dumps(rows, indent=1) + "\n")
    chosen.out.with_suffix(".md").write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
