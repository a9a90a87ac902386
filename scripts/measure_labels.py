"""Evaluates runs with labels told and without, and writes what each task returned into one JSON file.

usage: python scripts/measure_labels.py OUT.json RUN [RUN ...] [--episodes 10]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from crl.training.load import LABELS, evaluate_run


def main() -> None:
    """Evaluate what is missing, and write after every run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--episodes", type=int, default=10)
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(chosen.out.read_text()) if chosen.out.is_file() else []
    for run in chosen.runs:
        results = json.loads((run / "results.json").read_text())
        about = {key: results[key] for key in ("env", "strategy", "seed", "commit")}
        if any(row["run"] == about and row["episodes"] == chosen.episodes for row in rows):
            continue
        found = {labels: evaluate_run(run, chosen.episodes, labels=labels)["tasks"] for labels in LABELS}
        rows.append({"run": about, "episodes": chosen.episodes, **found})
        chosen.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
