"""How many sequences planners need for the same return: iCEM, CEM, MPPI and random shooting on the same models.

Finished runs are evaluated again with searches of many sizes, on paired episodes: nothing is learned. Writes a JSON
file and the page beside it; what is there is kept, so that the same command resumes.

usage: python scripts/measure_planners.py docs/results/planners.json RUN [RUN ...] [--tasks 3] [--episodes 2]
"""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from crl.agents.planning import PlanningAgent
from crl.planning.planner import make_planner
from crl.reporting.statistics import interval
from crl.reporting.tables.kind import Style
from crl.reporting.tables.kinds import Estimate, Number, Text
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table
from crl.training.clock import Clock
from crl.training.load import load_run
from crl.training.playing.evaluation import evaluate_task
from crl.training.runs.provenance import commit

SAMPLES = (8, 16, 32, 64, 128, 256, 512)
ROUNDS = {"icem": 2, "cem": 2, "mppi": 1, "random_shooting": 1}
"""Refits per decision of every planner."""
ENOUGH = 0.98
"""Share of CEM's best return that counts as equal to it."""


def evaluate(path: Path, planner: str, samples: int, tasks: int, episodes: int) -> dict[str, Any]:
    """Mean return of a run's tasks with a planner, and sequences per decision."""
    run = load_run(path)
    agent = run.agent
    assert isinstance(agent, PlanningAgent)
    own = run.config.planner
    elites = max(2, min(own.elites, samples // 4))
    settings = replace(
        own, name=planner, samples=samples, rounds=ROUNDS[planner], elites=elites, keep=min(own.keep, elites)
    )
    agent.planner = make_planner(settings, run.sequence.spec(run.tasks[0]).action)
    chosen = [
        run.tasks[at] for at in np.linspace(0, len(run.tasks) - 1, min(tasks, len(run.tasks))).round().astype(int)
    ]
    returns = []
    for index in chosen:
        spec = run.sequence.spec(index)
        with closing(run.sequence.make(index)) as env:
            about: dict[str, Any] = {"episodes": episodes, "seed": run.config.evaluation.seed, "clock": Clock()}
            score, _ = evaluate_task(agent, env, spec, **about)
        returns += score.returns
    # What is scored in a decision, warm starts included.
    first = run.sequence.spec(chosen[0])
    with closing(run.sequence.make(chosen[0])) as env:
        observation, _ = env.reset(seed=0)
        agent.begin(first, 0, explore=False)
        agent.act(observation)
        observation, *_ = env.step(agent.act(observation).action)
        scored = agent.act(observation).sequences
    return {"returns": returns, "scored": scored, "horizon": own.horizon}


def fewest(rows: list[dict[str, Any]], env: str, planner: str) -> int | None:
    """Sequences of the smallest search whose mean return counts as equal to CEM's best; ``None``: no search's."""
    here = [row for row in rows if row["env"] == env]
    means: dict[tuple[str, int], list[float]] = {}
    scored: dict[tuple[str, int], int] = {}
    for row in here:
        key = (row["planner"], row["samples"])
        means.setdefault(key, []).append(fmean(row["returns"]))
        scored[key] = row["scored"]
    best = max(fmean(values) for key, values in means.items() if key[0] == "cem")
    enough = [key for key in means if key[0] == planner and fmean(means[key]) >= ENOUGH * best]
    return min((scored[key] for key in enough), default=None)


def page(rows: list[dict[str, Any]]) -> str:
    """The page."""
    lines = [
        "# Planners and how much they search",
        "",
        "Finished runs are evaluated with searches of many sizes, on the same models and paired episodes. Nothing is",
        "learned. *Sequences* are those that are scored per decision, warm starts included. Brackets: 95 % intervals",
        f"over runs (each has its own models). *Equal*: at least {ENOUGH:.0%} of the best mean return of CEM.",
        "",
    ]
    whole = {row["run"] for row in rows if (row["planner"], row["samples"]) == (list(ROUNDS)[-1], SAMPLES[-1])}
    rows = [row for row in rows if row["run"] in whole]  # of runs whose searches are all there
    envs = list(dict.fromkeys(row["env"] for row in rows))
    columns = [Column("sequence", Text(Style.CODE))]
    columns += [Column(f"fewest sequences for an equal return, {planner}", Number(",d")) for planner in ROUNDS]
    columns.append(Column("CEM / iCEM", Number(".1f")))
    table = []
    for env in envs:
        found = [fewest(rows, env, planner) for planner in ROUNDS]
        table.append((env, *found, found[1] / found[0] if found[0] and found[1] else None))
    lines += [*markdown(Table.of(columns, table)), ""]
    for env in envs:
        here = [row for row in rows if row["env"] == env]
        columns = [Column("samples", Number("d"))]
        for planner in ROUNDS:
            columns += [Column(f"{planner}, sequences", Number(",d")), Column(f"{planner}, return", Estimate(1))]
        table = []
        for samples in SAMPLES:
            cells: list[Any] = []
            for planner in ROUNDS:
                those = [row for row in here if (row["planner"], row["samples"]) == (planner, samples)]
                means = np.array([fmean(row["returns"]) for row in those])
                cells += [those[0]["scored"], interval(means)] if those else [None, None]
            table.append((samples, *cells))
        runs = len({row["run"] for row in here})
        lines += [f"## {env}", "", f"{runs} runs, horizon {here[0]['horizon']}.", ""]
        lines += [*markdown(Table.of(columns, table)), ""]
    lines += ["Made by `python scripts/measure_planners.py docs/results/planners.json RUN ...`.", ""]
    return "\n".join(lines)


def main() -> None:
    """Evaluate what is missing, and write after every search."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--tasks", type=int, default=3)
    parser.add_argument("--episodes", type=int, default=2)
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(chosen.out.read_text()) if chosen.out.is_file() else []
    for path in chosen.runs:
        results = json.loads((path / "results.json").read_text())
        about = {"env": results["env"], "run": f"{results['fingerprint'][:8]}, seed {results['seed']}"}
        for planner in ROUNDS:
            for samples in SAMPLES:
                key = {**about, "planner": planner, "samples": samples}
                if any(all(row[name] == value for name, value in key.items()) for row in rows):
                    continue
                found = evaluate(path, planner, samples, chosen.tasks, chosen.episodes)
                rows.append({**key, **found, "learned_at": results["commit"], "commit": commit()})
                chosen.out.write_text(json.dumps(rows, indent=1) + "\n")
                chosen.out.with_suffix(".md").write_text(page(rows), encoding="utf-8")
    chosen.out.with_suffix(".md").write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
