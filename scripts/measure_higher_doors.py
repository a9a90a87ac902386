"""What known doors are worth to another: steps until a lever door 3 cm higher than a known one is mastered.

Finished runs of three doors learn it with `crl learn`, by different starts, a fresh network learns it alone, and the
nearest known door acts in it without learning. Mastery is a validation of 30 episodes of which 29 open the door, at the
earliest after 300 steps. Writes docs/results/higher_doors.json and its page. What is finished in FOLDER is kept.

usage: python scripts/measure_higher_doors.py FOLDER RUN [RUN ...] [--arms scratch recalled nearest]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from measure_transfer import estimated

from crl.reporting.runs import read_run
from crl.reporting.tables.kinds import Estimate, Number
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table
from crl.sequences import load_sequence
from crl.training.clock import Clock
from crl.training.load import load_run
from crl.training.playing.evaluation import evaluate_task
from crl.training.playing.unlabelled import Unlabelled
from crl.training.runs.provenance import commit

DOOR = "lever_minus_higher"
HIGHER = "crl_envs.doors.ablations:HIGHER"
NEW = (f"env={HIGHER}", "tasks=[2]")
BUDGET = ("budget.steps=[2500]", "budget.mastery_steps=300", "videos=false", "check=false")
"""The same for all arms; else the settings of the runs."""
BOUND = 0.6
"""Greatest share of a fresh network's steps, written down before."""
ARMS = {
    "scratch": "a fresh network alone",
    "recalled": "`crl learn`: known doors act, beside the new model once it predicts as well (the default)",
    "nearest": "`crl learn continual.start=nearest`: a copy of the nearest known door's embedding",
    "fresh": "`crl learn continual.start=fresh`: a fresh embedding",
    "neighbour": "the nearest known door acts, and nothing is learned",
}
USUAL = ("neighbour", "scratch", "recalled", "nearest")
OUT = Path("docs/results/higher_doors.json")


def crl(*words: str) -> None:
    """One command, which must succeed."""
    subprocess.run([sys.executable, "-m", "crl.cli", *words], check=True)


def unlearned(known: Path) -> dict[str, Any]:
    """A row: how often what a run knows opens the new door, inferring which known door is nearest."""
    run = load_run(known)
    sequence = load_sequence(f"door_open+{HIGHER}")
    task = next(index for index in range(len(sequence)) if sequence.spec(index).name == DOOR)
    spec = sequence.spec(task)
    with closing(sequence.make(task)) as env:
        observer = Unlabelled(run.agent, spec, run.agent.inference(run.tasks))
        settings = run.config.evaluation
        found, _ = evaluate_task(
            run.agent, env, spec, episodes=settings.episodes, seed=settings.seed, clock=Clock(), observer=observer
        )
    about = {"arm": "neighbour", "seed": run.config.seed, "steps": 0, "validation": None, "commit": commit()}
    return {**about, "opened": found.success_rate, "known_opened": None}


def measured(folder: Path, arm: str, known: Path) -> dict[str, Any]:
    """A row: how many steps an arm took beside what a run knows."""
    if arm == "neighbour":
        return unlearned(known)
    before = read_run(known)
    name = f"{arm}_{before.seed}"
    path = folder / name
    if not (path / "results.json").is_file():
        if path.is_dir():
            crl("resume", str(path))
        elif arm == "scratch":
            alone = ("recipe=door_open", "continual=single", f"seed={before.seed}")
            crl("train", *NEW, *alone, *BUDGET, f"run_dir={folder}", f"name={name}")
        else:
            start = (f"continual.start={arm}", f"run_dir={folder}", f"name={name}")
            crl("learn", str(known), *NEW, *BUDGET, *start)
    run = read_run(path)
    visit = next(visit for visit in run.results["visits"] if visit["task"] == DOOR)
    opened = next(task["success_rate"] for task in run.results["tasks"] if task["name"] == DOOR)
    known_rates = [task["success_rate"] for task in run.results["tasks"] if task["name"] != DOOR]
    return {
        "arm": arm,
        "seed": before.seed,
        "steps": visit["steps"],
        "validation": visit["validation"],
        "opened": opened,
        "known_opened": sum(known_rates) / len(known_rates) if known_rates else None,
        "commit": run.commit,
    }


def share(rows: list[dict[str, Any]], arm: str) -> float | None:
    """An arm's steps over those of a fresh network, of the seeds that have both."""
    alone = {row["seed"]: row["steps"] for row in rows if row["arm"] == "scratch"}
    mine = [row for row in rows if row["arm"] == arm and row["seed"] in alone]
    return sum(row["steps"] for row in mine) / sum(alone[row["seed"]] for row in mine) if mine else None


def table(rows: list[dict[str, Any]]) -> Table:
    """One row per arm."""
    columns = [
        *(Column("arm"), Column("seeds", Number("d")), Column("steps until mastered", Estimate(0))),
        *(Column("share of a fresh network's", Number(".2f")), Column("opens the new door", Estimate(2))),
        Column("opens the known doors afterwards", Estimate(2)),
    ]
    lines = []
    for arm, about in ARMS.items():
        if mine := [row for row in rows if row["arm"] == arm]:
            known = [row["known_opened"] for row in mine if row["known_opened"] is not None]
            steps, opened = ([row[key] for row in mine] for key in ("steps", "opened"))
            taken = (None, None) if arm == "neighbour" else (estimated(steps), share(rows, arm))
            lines.append((about, len(mine), *taken, estimated(opened), estimated(known)))
    return Table.of(columns, lines)


def page(rows: list[dict[str, Any]]) -> str:
    """The page."""
    seeds, commits = (", ".join(sorted({str(row[key]) for row in rows})) for key in ("seed", "commit"))
    found = share(rows, "recalled")
    verdict = "pass" if found is not None and found <= BOUND else "fail"
    came = "Not measured yet." if found is None else f"It needs {found:.2f}: **{verdict}**."
    return "\n".join(
        [
            "# A door 3 cm higher",
            "",
            "A run that has learned three doors (`crl train env=door_open`, quick profile) learns one more: the known",
            "door with a lever that turns left, 3 cm higher. Observations are relative to the handle. So what differs",
            f"is the pose of the arm. Seeds: {seeds}. A door is mastered when 29 of 30 validation episodes open it, at",
            "the earliest after 300 steps. A validation comes after 8 successes in the last 10 training episodes. Who",
            "never masters the door has spent 2,500 steps. Brackets: 95 % intervals over seeds.",
            f"Code: {commits}. [How to](../how-to/more_tasks.md).",
            "",
            *markdown(table(rows)),
            "",
            f"Written down before: `recalled` needs at most {BOUND} of a fresh network's steps. {came}",
            "",
            "Made by `python scripts/measure_higher_doors.py FOLDER RUN ...`.",
            "",
        ]
    )


def main() -> None:
    """Measure what is missing, and write after every row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("runs", type=Path, nargs="+", help="finished runs of env=door_open continual=hypercrl")
    parser.add_argument(
        "--arms", nargs="+", choices=list(ARMS), default=["neighbour", "scratch", "recalled", "nearest"]
    )
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for known in chosen.runs:
        for arm in chosen.arms:
            rows.append(measured(chosen.folder, arm, known))
            chosen.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
            chosen.out.with_suffix(".md").write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
