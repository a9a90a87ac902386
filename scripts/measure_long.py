"""Learns a hundred pole lengths in sequence with several strategies, and writes docs/results/long.json and its page.

The questions: is the hundredth length still learned as fast as by a fresh model, what is forgotten on the way, and what
is kept? `single` is the fresh model of every length. A finished run is evaluated on all hundred lengths. What is
finished in FOLDER is not run again. Rows of the page whose runs are not in FOLDER stay as they are.

usage: python scripts/measure_long.py FOLDER [METHOD ...] [--seeds 0] [--collect]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from search_strategies import finished, merged, sweep

from crl.api.run import evaluate
from crl.reporting.pages.long_page import page
from crl.reporting.runs import RunRecord

METHODS = (
    "single",
    "snapshot",
    "hypercrl",
    "hypercrl_beta25",
    "hypercrl_recalled",
    "hypercrl_chunked",
    "finetune_heads",
    "pnn",
    "redo",
    "l2_init",
    "continual_backprop",
    "coreset",
    "multitask",
)

SETTINGS = {
    "hypercrl_beta25": ("continual=hypercrl", "continual.beta=25"),
    "hypercrl_recalled": ("continual=hypercrl", "continual.start=recalled"),
}
"""Arms that are no strategy of that name."""

EPISODES = 2
"""Episodes per length of the last evaluation."""
Row = dict[str, Any]
REMARKS = Path(__file__).resolve().parent / "remarks" / "long.md"


def run(folder: Path, method: str, seeds: list[int]) -> None:
    """Run one strategy, one seed after the other."""
    settings = SETTINGS.get(method, (f"continual={method}",))
    sweep(folder / method, *settings, f"seed={','.join(map(str, seeds))}", env="cartpole_100")


def evaluated(record: RunRecord) -> dict[str, float]:
    """Mean return of every length at the end of a run; kept in the run's folder."""
    file = record.path / "all_tasks.json"
    if not file.is_file():
        rows = evaluate(record.path, EPISODES)
        file.write_text(json.dumps({row["name"]: row["mean_return"] for row in rows}), encoding="utf-8")
    found: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
    return found


def kept(record: RunRecord) -> Row:
    """What the page needs of a run."""
    names = ("seed", "matrix_tasks", "cpu_seconds", "commit")
    curves: dict[str, list[float]] = {}
    for line in record.lines("episode"):
        curves.setdefault(line["task"], []).append(round(line["return"], 2))
    measured = record.results["memory"]
    return {
        **{name: record.results[name] for name in names},
        "all_tasks": evaluated(record),
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
    before = json.loads(chosen.out.read_text(encoding="utf-8")) if chosen.out.is_file() else {}
    new = {method: [kept(run) for run in finished(chosen.folder / method)] for method in METHODS}
    found = merged(METHODS, before, new)
    remarks = REMARKS.read_text(encoding="utf-8")
    chosen.out.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    chosen.out.with_suffix(".md").write_text(page(found, remarks), encoding="utf-8")


if __name__ == "__main__":
    main()
