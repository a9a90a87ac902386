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
REMARKS = Path(__file__).resolve().parent / "remarks" / "presets.md"
UNTRAINED = 10
"""Episodes of random actions and of none."""


def preset(name: str) -> dict[str, Any]:
    """The settings of a preset."""
    found: dict[str, Any] = yaml.safe_load((PRESETS / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def measured(name: str, task: int, seed: int, folder: Path) -> dict[str, Any]:
    """Train on a task with a preset, or go on with it, and compare with what needs no learning."""
    about = ENVIRONMENTS[name]
    run = crl.train(
        about.env,
        tasks=[task],
        seed=seed,
        run_dir=folder,
        name=f"{name}_{task}_{seed}",
        resume=True,
        settings={"evaluation.episodes": about.episodes, "videos": False, "check": False},
        **({"vary": dict(about.vary)} if about.vary else {}),
        verbose=True,
    )
    results = run.results
    [score] = results["tasks"]
    sequence = load_sequence(results["env"])
    untrained = {"episodes": UNTRAINED, "seed": run.settings["evaluation"]["seed"]}
    return {
        "preset": name,
        "task": task,
        "name": score["name"],
        "settings": preset(name),
        "returns": score["returns"],
        "random": random_returns(sequence, **untrained)[score["name"]],
        "idle": idle_returns(sequence, **untrained)[score["name"]],
        **(results["visits"][0].get("outcome_errors") or {}),
        **{key: results[key] for key in ("seed", "commit", "env_steps", "cpu_seconds")},
    }


def main() -> None:
    """Measure what is missing, and write after every run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where runs are")
    parser.add_argument("--presets", nargs="+", choices=list(ENVIRONMENTS), default=list(ENVIRONMENTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[500])
    parser.add_argument("--out", type=Path, default=Path("docs/results/presets.json"))
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(chosen.out.read_text()) if chosen.out.is_file() else []
    wanted = [
        (name, task, seed)
        for name in chosen.presets
        for task in range(ENVIRONMENTS[name].tasks)
        for seed in chosen.seeds
    ]
    for key in wanted:
        old = [row for row in rows if (row["preset"], row["task"], row["seed"]) == key]
        if old and old[0]["settings"] == preset(key[0]):
            continue
        rows = [row for row in rows if row not in old]
        rows.append(measured(*key, chosen.folder))
        chosen.out.write_text(json.dumps(rows, indent=1) + "\n")
    chosen.out.with_suffix(".md").write_text(page(rows, REMARKS.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
