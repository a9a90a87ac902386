"""Lives of several arms and seeds, one after the other, and one JSON file with what was counted.

What is finished in FOLDER is not lived again, and a life that was stopped goes on; so the same command resumes. Lives
of other seeds stay in the JSON file.

The arm "still" is no robot: it gives the safe action at every step, in the regimes and with the goals of the seed's
life. What another arm has beyond its reward was earned.

usage: python scripts/measure_lives.py FOLDER OUT.json --seeds 11 12 13 --fit 0 --steps 3000 [--arms oracle networks]
       [--env cartpole_life] [--regimes 200]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from crl.adaptation.base import Belief
from crl.config.asking.composing import compose
from crl.sequences import load_sequence
from crl.training.lives.record import LifeRecord, LivedStep
from crl.training.lives.searching import searched
from crl.training.lives.stage import life_sequence
from crl.training.runs.provenance import commit

ARMS = {
    "oracle": ("refiner=oracle",),
    "told": ("refiner=lifelong", "life.labels=told"),
    "hypercrl": ("refiner=lifelong", "memory.kind=hypercrl"),
    "networks": ("refiner=lifelong", "memory.kind=networks"),
    "heads": ("refiner=lifelong", "memory.kind=heads"),
    "heads_halved": ("refiner=lifelong", "memory.kind=heads", "memory.halved=true"),
    "contexts": ("refiner=lifelong", "memory.kind=contexts"),
    "contexts_newest": ("refiner=lifelong", "memory.kind=contexts", "memory.gathered=false"),
    "afm": ("refiner=afm",),
    "online": ("refiner=none",),
}
"""Who lives: an oracle, a memory that is told the regime, the memories, identification without a memory, and online
learning alone."""
STILL = "still"
KEPT = (
    *("seed", "steps", "waypoints", "cross_track", "right", "reward", "visits", "returns", "returned", "recalled"),
    *("recalls", "false_alarms", "unchanged", "crashes", "known", "by_regime", "ms", "goal_distance", "learning"),
    *("bytes", "served", "serves"),
)


def stood_still(env: str, seed: int, steps: int, regimes: int | None = None) -> dict[str, Any]:
    """A life in which every action is the safe one: a row without what only an agent has.

    Args:
        env: Name of the sequence.
        seed: Seed of the life.
        steps: Its steps.
        regimes: Number of regimes, if not the sequence's.
    """
    settings = [f"env={env}", f"seed={seed}", *([] if regimes is None else [f"life.regimes={regimes}"])]
    sequence = life_sequence(load_sequence(env), compose(settings))
    action = np.array(sequence.spec(0).safe_action, dtype=np.float32)
    record, begun = LifeRecord(), time.process_time()
    with closing(sequence.make(0).env) as body:
        body.reset(seed=seed)
        for _ in range(steps):
            _, reward, ended, _, info = body.step(action)
            regime, name = int(info["regime"]), str(info["regime_name"])
            record.step(LivedStep(regime, name, False, float(reward), float(info["beside"]), Belief()))
            if ended:
                body.reset()
    results = record.results(info.get("reached"), info["crashes"])
    return {
        "env": env,
        "arm": STILL,
        "commit": commit(),
        "command": "safe action at every step",
        "cpu_seconds": time.process_time() - begun,
        "seed": seed,
        "steps": steps,
        **{key: results[key] for key in ("waypoints", "cross_track", "reward", "visits", "crashes", "goal_distance")},
        "returns": {"median": None, "p90": None},
    }


def lived(chosen: argparse.Namespace, arm: str, seed: int, fit: Path) -> dict[str, Any]:
    """The row of an agent's life, which is lived if it is not finished.

    Args:
        chosen: What was asked for.
        arm: Who lives.
        seed: Seed of the life.
        fit: Run that learned the nominal body.
    """
    folder = chosen.folder / f"{arm}_{seed}_{chosen.steps}"
    given = [*common(chosen), *ARMS[arm], f"life.steps={chosen.steps}", f"seed={seed}", f"life.run={fit}"]
    if chosen.regimes is not None:
        given += [f"life.regimes={chosen.regimes}"]
        given += [f"memory.most={2 * chosen.regimes}"] if "refiner=lifelong" in ARMS[arm] else []
    words = command([*given, f"name={folder.name}"])
    if finished(folder) is None:
        subprocess.run(words, check=True)
    found = finished(folder)
    assert found is not None
    life = {key: found["life"][key] for key in KEPT if key in found["life"]}
    life["reach"] = searched(found["life"]["timeline"], chosen.steps)  # lives of before do not have it
    about = {
        "env": chosen.env,
        "arm": arm,
        "fit": chosen.fit,
        "commit": found["commit"],
        "command": " ".join(["crl", *words[3:]]),
    }
    return {**about, "cpu_seconds": found["cpu_seconds"], **life}


def common(chosen: argparse.Namespace) -> list[str]:
    """Settings that all runs share."""
    return [f"env={chosen.env}", f"run_dir={chosen.folder}"]


def command(words: list[str]) -> list[str]:
    """A ``crl live`` of these settings."""
    return [sys.executable, "-m", "crl.cli", "live", "check=false", *words]


def finished(folder: Path) -> dict[str, Any] | None:
    """Results of a run; ``None`` if it is not finished."""
    path = folder / "results.json"
    return json.loads(path.read_text()) if path.is_file() else None


def main() -> None:
    """Live what is missing, and write what there is after every life."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--env", default="ugv_life")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--fit", type=int, required=True, help="seed of the run that learns the nominal body")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--regimes", type=int, help="number of regimes, if not the sequence's")
    parser.add_argument("--arms", nargs="+", choices=[*ARMS, STILL], default=list(ARMS))
    chosen = parser.parse_args()
    fit = chosen.folder / f"fit_{chosen.fit}"
    if finished(fit) is None and set(chosen.arms) != {STILL}:
        learn = [*common(chosen), "refiner=lifelong", "life.steps=1", f"seed={chosen.fit}", f"name={fit.name}"]
        subprocess.run(command(learn), check=True)
    rows: list[dict[str, Any]] = json.loads(chosen.out.read_text()) if chosen.out.is_file() else []
    for seed in chosen.seeds:
        for arm in chosen.arms:
            rows = [row for row in rows if (row["arm"], row["seed"], row["steps"]) != (arm, seed, chosen.steps)]
            if arm == STILL:
                row = stood_still(chosen.env, seed, chosen.steps, chosen.regimes)
            else:
                row = lived(chosen, arm, seed, fit)
            rows.append(row)
            chosen.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
