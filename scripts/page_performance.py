"""Writes docs/performance.md from what benchmarks/bench_speed.py and `crl bench lifelong` left.

usage: python scripts/page_performance.py [FOLDER OF THE JSON FILES] [FOLDER OF THE PAGE]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crl.benchmarks.tables import (
    deadlines_table,
    decisions_table,
    lifelong_table,
    machine_table,
    precisions_table,
    rival_table,
    rollouts_table,
    steps_table,
    success_table,
    updates_table,
)
from crl.reporting.tables.markdown import block

HEAD = """# Performance

What a step of learning, a plan and a long life cost, as shares of what the computer can do.

Written by `make bench` (`scripts/page_performance.py`). CPU time of one thread, medians; what is compared is measured
in turn in one process, so that all of it sees the same machine. Other computers give other milliseconds; the ratios
move less."""


def speed(found: Mapping[str, Any], scores: Mapping[str, Any] | None) -> list[str]:
    """Limits, learning steps, rollouts, decisions and deadlines.

    Args:
        found: The figures.
        scores: Success in either precision; ``None``: it was not measured.
    """
    return [
        f"{found['processor']}, torch {found['torch']}, crl {found['version']}, commit {found['commit'] or 'unknown'}."
        + (" A quick measurement, with few repeats: the figures are rough." if found.get("quick") else ""),
        "## Limits of the machine",
        block(machine_table(found)),
        "## A learning step of HyperCRL",
        "Against the published formulation (Huang et al. 2021), which generates the weights of one earlier task after "
        "the other. With the look-ahead the mathematics is the same; the default leaves it out "
        "([strategies](reference/strategies.md)).",
        block(steps_table(found)),
        "## A rollout of the model",
        "All steps of K action sequences, by PyTorch and as it comes: by the compiled kernel where it was built "
        "([planning](concepts/planning.md)). Operations count those of the matrix products alone. No float32 code can "
        "be faster than the units for multiplying and adding (FMA) allow.",
        block(rollouts_table(found)),
        "One round of a planner at the same sizes: samples, rollout, returns and refit.",
        block(updates_table(found)),
        *(rival(found["rival"]) if "rival" in found else []),
        *(precision(found) if "precisions" in found else []),
        *(success(scores) if scores is not None else []),
        "## A decision",
        block(decisions_table(found)),
        "## Deadlines",
        "iCEM on the pusher's network, with settings that ask for more than there is time for (`planner.deadline`, "
        "half a period). Negative: before the deadline. By CPU time, which is the planner's own error; and by wall "
        "time, with what else the computer did meanwhile.",
        block(deadlines_table(found)),
    ]


def rival(found: Mapping[str, Any]) -> list[str]:
    """Updates against pytorch-mppi's."""
    if "missing" in found:
        return ["## Beside pytorch-mppi", f"{found['missing']}."]
    return [
        "## Beside pytorch-mppi",
        f"One update against one of pytorch-mppi {found['version']}, with the same network and as many samples and "
        "steps. It takes a step of the network by PyTorch; above 1, ours takes less time." + _apart(found),
        block(rival_table({"rival": found})),
    ]


def precision(found: Mapping[str, Any]) -> list[str]:
    """Rollouts in bfloat16 against float32."""
    return [
        "## In bfloat16",
        "`dynamics.precision=bfloat16` rounds the weights of the hidden layers, and what these read, to bfloat16 (8 "
        "bits of precision in place of 24). Sums, activations, the first and the last layer stay in float32. The "
        "kernel has instructions for it where the processor has AVX512_BF16; elsewhere it rounds, and saves no time. "
        "The deviation is the mean distance of the states from those in float32, as a share of how far they move."
        + _apart(found["precisions"]),
        block(precisions_table({"precisions": found["precisions"]["rows"]})),
    ]


def success(found: Mapping[str, Any]) -> list[str]:
    """What bfloat16 does to success."""
    return [
        "### What bfloat16 does to success",
        "Trained runs, evaluated with either precision on equal seeds (`scripts/measure_precision.py`).",
        block(success_table(found)),
        *([found["remark"]] if "remark" in found else []),
    ]


def _apart(found: Mapping[str, Any]) -> str:
    """What has to be said of figures that were measured at another time than the rest."""
    return f" {found['apart']}" if "apart" in found else ""


def lifelong(found: Mapping[str, Any]) -> list[str]:
    """Cost against the number of tasks."""
    marks = found["marks"]
    first = marks[1 if len(marks) > 2 else 0]  # from the second one on there is a snapshot
    grown = 1e3 * (marks[-1]["checkpoint_mb"] - first["checkpoint_mb"]) / max(marks[-1]["tasks"] - first["tasks"], 1)
    growth = " and ".join(f"{ratio} with `continual.protect={kind}`" for kind, ratio in found["growth"].items())
    return [
        f"## {found['tasks']:,} tasks",
        f"`crl bench lifelong --tasks {found['tasks']}`: linear systems, the network of the paper's pusher, "
        f"{found['gradient_steps_per_task']} gradient steps a task, {found['evaluated_tasks']} earlier tasks drawn for "
        "each evaluation. Memory is what learning takes beyond Theta, its snapshot and its optimiser "
        f"({marks[-1]['theta_snapshot_optimiser_mb']} MB).",
        block(lifelong_table(found)),
        *([found["remark"]] if "remark" in found else []),
        f"Ratio of a step after {found['tasks']:,} tasks to one after two, which protects a single task: {growth}. "
        "With `protect=0` all tasks are summed; from about 45 tasks on the sum is computed in Gram form, which costs "
        "the same for any number.",
        f"A checkpoint grows by {grown:.1f} kB a task; the rest is Theta, its snapshot and the moments of its "
        "optimiser. The first checkpoint of a process is written whole, and later ones write what changed "
        "([run folder](reference/run_folder.md#checkpoints)). All but the snapshot change with every gradient step, so "
        "that a quarter is saved between steps, and nearly all while nothing is learned.",
        "![Cost against the number of tasks](results/lifelong.png)",
    ]


def page(results: Path) -> str:
    """The page."""
    figures, scores, long = (_read(results / f"{name}.json") for name in ("performance", "precision", "lifelong"))
    assert figures is not None, f"{results} has no performance.json: make bench writes it"
    parts = [HEAD, *speed(figures, scores), *(lifelong(long) if long is not None else [])]
    return "\n\n".join(parts) + "\n"


def _read(path: Path) -> dict[str, Any] | None:
    """What a file has; ``None``: there is none."""
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return found


def main() -> None:
    results = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/results")
    out = Path(sys.argv[2] if len(sys.argv) > 2 else "docs")
    (out / "performance.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
