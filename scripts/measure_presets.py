"""Runs the presets for common environments, and writes what they reach into one JSON file and its page.

A finished row is kept, and a run that was stopped goes on from its last checkpoint, so the same command resumes. Rows
whose preset has changed since are measured again.

usage: python scripts/measure_presets.py FOLDER [--presets pendulum reacher] [--seeds 500]
           [--out docs/results/presets.json]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

import crl
from crl.reporting.pages.baseline import idle_returns, random_returns
from crl.reporting.pages.presets_page import ENVIRONMENTS, page
from crl.sequences import load_sequence

PRESETS = Path(__file__).resolve().parents[1] / "configs" / "recipes"
UNTRAINED = 10
"""Episodes of random actions and of none."""


def preset(name: str) -> dict[str, Any]:
    """The settings of a preset."""
    found: dict[str, Any] = yaml.safe_load((PRESETS / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def measured(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train with a preset, or go on with it, and compare with what needs no learning."""
    about = ENVIRONMENTS[name]
    run = crl.train(
        about.env,
        seed=seed,
        run_dir=folder,
        name=f"{name}_{seed}",
        resume=True,
        settings={"evaluation.episodes": about.episodes, "evaluation.episodes_between": 0, "videos": False},
        **({"vary": dict(about.vary)} if about.vary else {}),
        verbose=True,
    )
    results = run.results
    sequence = load_sequence(results["env"])
    first = {"episodes": UNTRAINED, "seed": 90_000}
    chance, idle = random_returns(sequence, **first), idle_returns(sequence, **first)
    errors = {visit["task"]: visit.get("outcome_errors") or {} for visit in results["visits"]}
    tasks = [
        {
            "name": task["name"],
            "returns": task["returns"],
            "random": chance[task["name"]],
            "idle": idle[task["name"]],
            **errors.get(task["name"], {}),
        }
        for task in results["tasks"]
    ]
    about_run = {key: results[key] for key in ("seed", "commit", "env_steps", "cpu_seconds")}
    return {"preset": name, "settings": preset(name), **about_run, "tasks": tasks}


def main() -> None:
    """Measure what is missing, and write after every run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where runs are")
    parser.add_argument("--presets", nargs="+", choices=list(ENVIRONMENTS), default=list(ENVIRONMENTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[500])
    parser.add_argument("--out", type=Path, default=Path("docs/results/presets.json"))
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(chosen.out.read_text()) if chosen.out.is_file() else []
    for name in chosen.presets:
        for seed in chosen.seeds:
            old = [row for row in rows if (row["preset"], row["seed"]) == (name, seed)]
            if old and old[0]["settings"] == preset(name):
                continue
            rows = [row for row in rows if row not in old]
            rows.append(measured(name, seed, chosen.folder))
            chosen.out.write_text(json.dumps(rows, indent=1) + "\n")
            chosen.out.with_suffix(".md").write_text(page(rows), encoding="utf-8")
    chosen.out.with_suffix(".md").write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
