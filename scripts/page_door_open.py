"""Writes docs/results/door_open.md from the run folders that scripts/reproduce_door_open.sh leaves.

usage: python scripts/page_door_open.py [FOLDER OF RUNS] [FOLDER OF THE PAGE]
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from crl.reporting.plots import curves_figure, sequence_figure
from crl.reporting.runs import RunRecord, by_strategy
from crl.reporting.statistics import Interval, interval, paired_difference

ORDER = ("hypercrl", "finetune", "single")


def final_success(runs: Sequence[RunRecord]) -> np.ndarray:
    """Success rates after the last task, [seeds, doors]."""
    return np.array([run.matrix()[-1] for run in runs])


def forgotten(runs: Sequence[RunRecord]) -> np.ndarray:
    """R[j, j] - R[T, j] of every door but the last, [seeds, doors - 1]."""
    return np.array([(np.diag(run.matrix()) - run.matrix()[-1])[:-1] for run in runs])


def percent(value: Interval) -> str:
    """``93 [88, 97]`` from shares."""
    return value.format(digits=0, scale=100.0)


def table(groups: Mapping[str, Sequence[RunRecord]]) -> list[str]:
    """Markdown table: one row per strategy."""
    doors = next(iter(groups.values()))[0].results["matrix_tasks"]
    head = ["strategy", "seeds", *doors, "mean", "forgetting", "env steps", "CPU min", "bytes per task"]
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] * len(head)) + " |"]
    for name, runs in groups.items():
        final = final_success(runs)
        cells = [name, str(len(runs)), *(percent(interval(final[:, door])) for door in range(final.shape[1]))]
        cells += [percent(interval(final)), percent(interval(forgotten(runs)))]
        cells += [f"{np.mean([run.results['env_steps'] for run in runs]):,.0f}"]
        cells += [f"{np.mean([run.results['cpu_seconds'] for run in runs]) / 60:.1f}"]
        cells += [f"{runs[0].results['bytes_per_task']:,}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def per_seed(groups: Mapping[str, Sequence[RunRecord]]) -> list[str]:
    """Markdown table: one row per run."""
    lines = ["| run | after the last task (%) | just after learning it (%) | env steps per door | CPU min |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for name, runs in groups.items():
        for run in runs:
            matrix = run.matrix()
            final, learned = (
                " / ".join(f"{100 * value:.0f}" for value in row) for row in (matrix[-1], np.diag(matrix))
            )
            steps = " / ".join(str(visit["steps"]) for visit in run.results["visits"])
            minutes = run.results["cpu_seconds"] / 60
            lines.append(f"| {name} seed {run.results['seed']} | {final} | {learned} | {steps} | {minutes:.1f} |")
    return lines


def time_table(groups: Mapping[str, Sequence[RunRecord]]) -> list[str]:
    """Markdown table: where the CPU time goes."""
    phases = list(next(iter(groups.values()))[0].results["time"])
    lines = ["| strategy | " + " | ".join(f"{phase} (s)" for phase in phases) + " | decision (ms) |"]
    lines.append("| --- |" + " --- |" * (len(phases) + 1))
    for name, runs in groups.items():
        seconds = [np.median([run.results["time"][phase]["cpu"] for run in runs]) for phase in phases]
        decision = np.median([run.results["decision_ms"] for run in runs])
        lines.append(f"| {name} | " + " | ".join(f"{value:.0f}" for value in seconds) + f" | {decision:.1f} |")
    return lines


def findings(groups: Mapping[str, Sequence[RunRecord]]) -> list[str]:
    """Plain sentences with the numbers behind them."""
    ours = groups["hypercrl"]
    lines = [
        f"- HyperCRL opens a door in {percent(interval(final_success(ours)))} % of the evaluation episodes after the "
        f"last door was learned, and has forgotten {percent(interval(forgotten(ours)))} points "
        "(mean over the first four doors).",
    ]
    for name, runs in groups.items():
        if name == "hypercrl":
            continue
        shared = sorted({run.results["seed"] for run in ours} & {run.results["seed"] for run in runs})
        pick = [[run for run in group if run.results["seed"] in shared] for group in (ours, runs)]
        difference = paired_difference(final_success(pick[0]), final_success(pick[1]))
        first = interval(final_success(runs)[:, 0])
        lines.append(
            f"- `{name}`: {percent(interval(final_success(runs)))} % on average, {percent(first)} % on the first door; "
            f"HyperCRL less `{name}` on the same {len(shared)} seeds: {percent(difference)} points."
        )
    return lines


def page(groups: Mapping[str, Sequence[RunRecord]], problems: Sequence[str], commit: str) -> str:
    """The page as Markdown."""
    results = groups["hypercrl"][0].results
    episodes = results["evaluation"]["episodes"]
    return "\n".join(
        [
            "# door_open: five doors in sequence",
            "",
            "Written by `scripts/page_door_open.py` from the run folders of",
            "",
            "    scripts/reproduce_door_open.sh",
            "",
            "which runs `crl train env=door_open profile=full continual=STRATEGY seed=SEED`. "
            f"Commit {commit}, torch {results['torch']}, {platform.machine()}, one thread per run, two runs side by side.",
            "",
            "Every run meets the doors pull, round_minus, lever_minus, round_plus, lever_plus in this order, keeps no "
            "transitions of earlier doors, and may spend 12,000 environment steps in all (random, planned and "
            "validation episodes). A door counts as opened at 0.3 rad or more within an episode of 50 steps. Scores are "
            f"shares of {episodes} evaluation episodes per door, on the same initial states for every strategy and seed, "
            "without noise and without learning; they chose nothing. Snapshots are chosen by validation episodes "
            "of the current door with seeds of their own. Brackets: 95 % stratified bootstrap over seeds.",
            "",
            "## Success after the last door (%)",
            "",
            *table(groups),
            "",
            "`single` trains a network per door with the same settings and budget rule; `finetune` one network, unprotected.",
            "",
            "![reward matrices and final success](door_open_matrix.png)",
            "",
            "![training curves](door_open_curves.png)",
            "",
            "![stills of one evaluation episode per door](door_open_stills.png)",
            "",
            "## What it shows, and what it doesn't",
            "",
            *findings(groups),
            "- The doors share an arm, a reward and a door panel, and differ in handle, latch and sense of turning. Nothing "
            "here says how the methods compare on more than five tasks, with other arms, or on a real door.",
            "- The recipe (exploration prior, reward, planner, learning rates) was found on these doors with seed 0 and a few "
            "others; evaluation seeds were not used for it.",
            "",
            "## Every run",
            "",
            *per_seed(groups),
            "",
            "## Where the CPU time goes (median over seeds)",
            "",
            *time_table(groups),
            "",
            *(
                ["Not finished, and not in the tables:", "", *(f"- {problem}" for problem in problems)]
                if problems
                else []
            ),
        ]
    )


def stills(run: RunRecord, out: Path) -> None:
    """One row of stills per door from the run's videos."""
    import imageio.v3 as imageio

    rows = []
    for path in sorted((run.path / "videos").glob("*_0.mp4")):
        frames = imageio.imread(path)
        chosen = frames[[0, 7, 12, 17, 22]] if len(frames) > 22 else frames[:: max(1, len(frames) // 5)][:5]
        rows.append(np.concatenate(list(chosen), axis=1))
    if rows:
        width = min(row.shape[1] for row in rows)
        imageio.imwrite(out, np.concatenate([row[:, :width] for row in rows])[::2, ::2])


def main() -> None:
    """Read the runs, write the page and its pictures."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/door_open")
    target = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/results")
    found, problems = by_strategy(path.parent for path in source.glob("*/config.yaml"))
    groups = {name: found[name] for name in ORDER if name in found}
    if "hypercrl" not in groups:
        sys.exit(f"{source} holds no finished hypercrl run: run scripts/reproduce_door_open.sh first")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    sequence_figure(groups, target / "door_open_matrix.png")
    curves_figure(groups, target / "door_open_curves.png")
    stills(groups["hypercrl"][0], target / "door_open_stills.png")
    (target / "door_open.md").write_text(page(groups, problems, commit).rstrip() + "\n", encoding="utf-8")
    summary = {name: [run.results for run in runs] for name, runs in groups.items()}
    (target / "door_open.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {target / 'door_open.md'}")


if __name__ == "__main__":
    main()
