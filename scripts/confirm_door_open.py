"""Trains the quick profile of door_open on seeds that development never used, one after the other.

usage: python scripts/confirm_door_open.py [--into FILE.json] [--runs FOLDER] [SEED ...]

Without seeds: 201 to 210. Every finished seed is added to the file at once; seeds that are in it are left out, and an
interrupted run goes on from its checkpoint. Code with uncommitted changes is refused: nobody could say what was
confirmed.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from crl.training.runs.provenance import commit

SEEDS = range(201, 211)
FILE = Path("docs/results/door_open_quick.json")


def records(path: Path) -> list[dict[str, Any]]:
    """What is finished so far."""
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []


def record(results: dict[str, Any]) -> dict[str, Any]:
    """What the page needs of a run's ``results.json``."""
    return {
        "seed": results["seed"],
        "commit": results["commit"],
        "command": f"crl train env=door_open seed={results['seed']}",
        "opened": {task["name"]: sum(task["successes"]) for task in results["tasks"]},
        "episodes": results["evaluation"]["episodes"],
        "validated": {visit["task"]: visit["validation"] for visit in results["visits"]},
        "steps": {visit["task"]: visit["steps"] for visit in results["visits"]},
        "env_steps": results["env_steps"],
        "cpu_seconds": round(results["cpu_seconds"], 1),
        "wall_seconds": round(results["wall_seconds"], 1),
        "version": results["version"],
        "torch": results["torch"],
        "machine": platform.machine(),
    }


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """One record per line, by seed."""
    lines = ",\n".join(json.dumps(row) for row in sorted(rows, key=lambda row: int(row["seed"])))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main() -> None:
    """Run the seeds that are missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("seeds", nargs="*", type=int, default=list(SEEDS), metavar="SEED")
    parser.add_argument("--into", type=Path, default=FILE)
    parser.add_argument("--runs", type=Path, default=Path("runs/door_open_quick"))
    given = parser.parse_args()
    made_by = commit()
    if made_by is None or made_by.endswith("+"):
        sys.exit("confirm from a checkout without changes in crl, envs and configs: commit or stash them first")
    for seed in given.seeds:
        if seed in {row["seed"] for row in records(given.into)}:
            continue
        name = f"seed_{seed}"
        arguments = [f"seed={seed}", f"run_dir={given.runs}", f"name={name}", "resume=true", "videos=false"]
        done = subprocess.run([sys.executable, "-m", "crl.cli", "train", "env=door_open", *arguments], check=False)
        if done.returncode:
            sys.exit(f"seed {seed} was not finished; the same command goes on")
        results = json.loads((given.runs / name / "results.json").read_text(encoding="utf-8"))
        write(given.into, [*records(given.into), record(results)])
        print(f"seed {seed}: {record(results)['opened']}", flush=True)


if __name__ == "__main__":
    main()
