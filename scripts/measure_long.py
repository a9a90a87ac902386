"""Learns a hundred pole lengths in sequence with several strategies, and writes docs/results/long.json and its page.

The questions: is the hundredth length still learned as fast as by a fresh model, what is forgotten on the way, and what
is kept? `single` is the fresh model of every length. What is finished in FOLDER is not run again.

usage: python scripts/measure_long.py FOLDER [METHOD ...] [--seeds 0] [--collect]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from search_strategies import finished, sweep

from crl.reporting.pages.long_page import page
from crl.reporting.runs import RunRecord

METHODS = ("single", "hypercrl", "finetune_heads", "redo", "l2_init", "continual_backprop", "coreset", "multitask")


def run(folder: Path, method: str, seeds: list[int]) -> None:
    """Run one strategy, one seed after the other."""
    sweep(folder / method, f"continual={method}", f"seed={','.join(map(str, seeds))}", env="cartpole_100")


def kept(record: RunRecord) -> dict[str, Any]:
    """What the page needs of a run."""
    names = ("seed", "matrix_tasks", "average_return", "average_success", "forgetting_return", "cpu_seconds", "commit")
    curves: dict[str, list[float]] = {}
    for line in record.lines("episode"):
        curves.setdefault(line["task"], []).append(round(line["return"], 2))
    measured = record.results["memory"]
    return {
        **{name: record.results[name] for name in names},
        "returns": {task["name"]: task["mean_return"] for task in record.results["tasks"]},
        "curves": curves,
        "bytes_constant": measured.get("measured_bytes_constant"),
        "bytes_per_task": measured.get("measured_bytes_per_task"),
    }


def main() -> None:
    """Run what is missing, collect, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("methods", nargs="*", default=METHODS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=Path("docs/results/long.json"))
    parser.add_argument("--collect", action="store_true", help="run nothing, and collect what is finished")
    chosen = parser.parse_args()
    for method in () if chosen.collect else chosen.methods:
        run(chosen.folder, method, chosen.seeds)
    found: dict[str, Any] = {}
    for method in METHODS:
        if runs := finished(chosen.folder / method):
            found[method] = [kept(run) for run in runs]
    chosen.out.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    chosen.out.with_suffix(".md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
