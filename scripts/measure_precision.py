"""What ``dynamics.precision=bfloat16`` does to success: trained runs, evaluated with either precision on equal seeds.

usage: python scripts/measure_precision.py RUN... [--tasks 0 1] [--episodes 10] [--seed 1] [--json FILE]

The runs are only read. With ``--json``, rows are added to those that the file has.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from crl.agents.planning import PlanningAgent
from crl.benchmarks.precision import PRECISIONS
from crl.errors import CrlError
from crl.training.clock import Clock
from crl.training.load import LoadedRun, load_run
from crl.training.playing.evaluation import Score, evaluate_task


def rows_of(path: Path, tasks: list[int], episodes: int, seed: int) -> Iterator[dict[str, Any]]:
    """A row per task of a run."""
    runs = {name: _in(path, name) for name in PRECISIONS}
    (run, *_) = runs.values()
    for index in tasks:
        scores = {name: _score(one, one.check(index), episodes, seed) for name, one in runs.items()}
        exact, halved = (scores[name] for name in PRECISIONS)
        yield {
            "run": f"{run.config.env.name}, {run.config.continual.name}, seed {run.config.seed}",
            "task": run.sequence.spec(index).name,
            "episodes": episodes,
            "success": exact.success_rate,
            "success_bfloat16": halved.success_rate,
            "mean_return": round(exact.mean_return, 3),
            "mean_return_bfloat16": round(halved.mean_return, 3),
        }


def _in(path: Path, precision: str) -> LoadedRun:
    """A run whose planner unrolls its models with a precision."""
    run = load_run(path)
    if not isinstance(run.agent, PlanningAgent):
        raise CrlError(f"{path} has an agent that does not plan", "use runs of agent=mpc")
    model = run.agent.knowledge.model
    model.config = replace(model.config, precision=precision)
    return run


def _score(run: LoadedRun, index: int, episodes: int, seed: int) -> Score:
    with closing(run.sequence.make(index)) as env:
        spec = run.sequence.spec(index)
        return evaluate_task(run.agent, env, spec, episodes=episodes, seed=seed, clock=Clock())[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--tasks", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1, help="of the first episode; the others follow")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for path in options.runs:
        for row in rows_of(path, options.tasks, options.episodes, options.seed):
            print(json.dumps(row), flush=True)
            if options.json is not None:
                had = json.loads(options.json.read_text(encoding="utf-8"))["rows"] if options.json.is_file() else []
                options.json.write_text(json.dumps({"rows": [*had, row]}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
