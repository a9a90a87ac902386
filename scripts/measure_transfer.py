"""What a known neighbour is worth to a new task: pole lengths that a run has not learned, after few steps.

A finished run of ten lengths learns one new length by `crl learn`, started from the nearest known length or fresh. And
a fresh network learns it alone. Writes docs/results/transfer.json and the page beside it; what is there is kept.

usage: python scripts/measure_transfer.py RUN FOLDER [--steps 400 800]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from crl.reporting.statistics import interval
from crl.reporting.tables.kinds import Estimate, Number
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table

LENGTHS = (0.55, 0.75, 0.95, 1.15, 1.25)
NEW = {
    "name": "unseen_lengths",
    "description": "pole lengths between those of cartpole_length",
    "tasks": [
        {"name": f"unseen_{length}", "id": "crl/CartPoleLength-v0", "kwargs": {"length": length}} for length in LENGTHS
    ],
}
"""The new tasks, found as ``measure_transfer:NEW``."""
ARMS = {
    "nearest": "crl learn, from the nearest known length (the default)",
    "fresh": "crl learn, a fresh embedding",
    "scratch": "a fresh network alone",
}
OUT = Path("docs/results/transfer.json")


def command(arm: str, run: Path, task: int, shared: list[str]) -> list[str]:
    """The command of an arm."""
    if arm == "scratch":
        seed = json.loads((run / "results.json").read_text())["seed"]
        alone = ["continual=single", "recipe=cartpole_length", f"seed={seed}", "check=false"]
        return ["train", "env=measure_transfer:NEW", f"tasks=[{task}]", *alone, *shared]
    return ["learn", str(run), "env=measure_transfer:NEW", f"tasks=[{task}]", f"continual.start={arm}", *shared]


def page(rows: list[dict[str, Any]]) -> str:
    """The page."""
    steps = sorted({row["steps"] for row in rows})
    columns = [Column("arm"), Column("lengths", Number("d"))]
    columns += [Column(f"return after {count} steps", Estimate(1)) for count in steps]
    table = []
    for arm, about in ARMS.items():
        every = [[row["return"] for row in rows if (row["arm"], row["steps"]) == (arm, count)] for count in steps]
        found = [interval(np.array(values)) if values else None for values in every]
        table.append((about, max(map(len, every)), *found))
    return "\n".join(
        [
            "# A new task beside known ones",
            "",
            "A run that has learned ten pole lengths (`hypercrl`, one seed) learns one more, between them. Each",
            f"of the lengths {', '.join(map(str, LENGTHS))} m is a run of its own from the same ten. The return is",
            "that of the new length, mean over 5 episodes; one that is learned well returns about 175. Brackets:",
            "95 % intervals over lengths. [How to](../how-to/more_tasks.md).",
            "",
            *markdown(Table.of(columns, table)),
            "",
            "A known neighbour helps in the first episodes. With twice the steps all three are alike.",
            "",
            "Made by `python scripts/measure_transfer.py RUN FOLDER`.",
            "",
        ]
    )


def main() -> None:
    """Run what is missing, and write after every run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("run", type=Path, help="a finished run of cartpole_length, profile=full")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, nargs="+", default=[400, 800])
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(OUT.read_text()) if OUT.is_file() else []
    here = str(Path(__file__).resolve().parent)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), here)))}
    for steps in chosen.steps:
        for task, length in enumerate(LENGTHS):
            for arm in ARMS:
                if any((row["steps"], row["length"], row["arm"]) == (steps, length, arm) for row in rows):
                    continue
                name = f"{arm}_{length}_{steps}"
                budget = [f"budget.steps=[{steps}]", "evaluation.episodes=5", "evaluation.episodes_between=0"]
                shared = [*budget, "videos=false", f"name={name}", f"run_dir={chosen.folder}"]
                words = command(arm, chosen.run, task, shared)
                subprocess.run([sys.executable, "-m", "crl.cli", *words], check=True, env=env)
                found = json.loads((chosen.folder / name / "results.json").read_text())
                about = {"arm": arm, "length": length, "steps": steps, "commit": found["commit"]}
                rows.append({**about, "return": found["tasks"][-1]["mean_return"]})
                OUT.write_text(json.dumps(rows, indent=1) + "\n")
                OUT.with_suffix(".md").write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
