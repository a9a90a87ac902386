"""Writes docs/performance.md from what benchmarks/bench_speed.py and `crl bench lifelong` left.

usage: python scripts/page_performance.py [FOLDER OF THE JSON FILES] [FOLDER OF THE PAGE]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crl.reporting.pages.parts import markdown_table

HEAD = """# Performance

What a step of learning, a plan and a long life cost, as shares of what the computer can do.

Written by `make bench` (`scripts/page_performance.py`). CPU time of one thread, medians; what is compared is measured
in turn in one process, so that all of it sees the same machine. Other computers give other milliseconds; the ratios
move less.
"""

LATE = ("sequences", "late_median_ms", "late_p99_ms")


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{share:.0%}"


def machine(found: Mapping[str, Any]) -> list[str]:
    """The computer and its limits."""
    limits = found["limits"]
    onednn = "-" if limits["onednn"] is None else f"{limits['onednn']} GF/s"
    rows = [
        ["product of 1024 x 1024 matrices, BLAS", f"{limits['blas']} GF/s"],
        ["the same, oneDNN", onednn],
        ["product [256, 200] x [200, 200], BLAS", f"{limits['layer']} GF/s"],
        ["copy in memory", f"{limits['copy']} GB/s"],
    ]
    return [
        f"{found['processor']}, torch {found['torch']}, crl {found['version']}, commit {found['commit'] or 'unknown'}.",
        "",
        "## Limits of the machine",
        "",
        *markdown_table(["one thread, float32", "rate"], rows),
    ]


def learning(found: Mapping[str, Any]) -> list[str]:
    """Learning steps against the published formulation."""
    rows = [
        [
            step["size"],
            str(step["earlier_tasks"]),
            f"{step['published_ms']:.0f}",
            f"{step['batched_without_lookahead_ms']:.1f}",
            f"**{step['ratio_without_lookahead']:.1f}x**",
            f"{step['batched_ms']:.1f}",
            f"{step['ratio']:.1f}x",
        ]
        for step in found["steps"]
    ]
    head = ["network", "earlier tasks", "published (ms)", "default (ms)", "faster", "with look-ahead (ms)", "faster"]
    return [
        "## A learning step of HyperCRL",
        "",
        "Against the published formulation (Huang et al. 2021), which generates the weights of one earlier task after "
        "the other. With the look-ahead the mathematics is the same; the default leaves it out "
        "([strategies](reference/strategies.md)).",
        "",
        *markdown_table(head, rows),
    ]


def rollouts(found: Mapping[str, Any]) -> list[str]:
    """Rollouts against the fastest product."""
    rows = [
        [
            row["name"],
            row["size"],
            f"{row['ms']:.1f}",
            f"{row['gflops']:.0f}",
            percent(row["share_of_product"]),
            percent(row["share_of_layer"]),
        ]
        for row in found["rollouts"]
    ]
    head = ["rollout", "sequences x steps, network", "ms", "GF/s", "share of the fastest product", "share of a layer's"]
    return [
        "## A rollout of the model",
        "",
        "Operations count those of the matrix products alone. Small networks are limited by the number of operations, "
        "not by their size.",
        "",
        *markdown_table(head, rows),
    ]


def decisions(found: Mapping[str, Any]) -> list[str]:
    """Decisions of the default settings, and deadlines."""
    rows = [
        [
            row["env"],
            row["planner"],
            f"{row['samples']} x {row['horizon']} x {row['rounds']}",
            f"{row['median_ms']:.1f}",
            f"{row['p95_ms']:.1f}",
        ]
        for row in found["decisions"]
    ]
    late = [
        [
            f"{row['hz']} Hz",
            f"{row['deadline_ms']:.0f}",
            *(f"{row[clock][name]:,}" for clock in ("cpu", "wall") for name in LATE),
        ]
        for row in found["deadlines"]
    ]
    head = ["rate", "deadline (ms)", "sequences", "late, median (ms)", "late, p99 (ms)"]
    return [
        "## A decision",
        "",
        *markdown_table(["sequence", "planner", "samples x horizon x rounds", "median (ms)", "95 % (ms)"], rows),
        "",
        "## Deadlines",
        "",
        "iCEM on the pusher's network, with settings that ask for more than there is time for (`planner.deadline`, "
        "half a period). Negative: before the deadline. By CPU time first, which is the planner's own error; then by "
        "wall time, with what else the computer did meanwhile.",
        "",
        *markdown_table([*head, "sequences (wall)", "late, median (ms, wall)", "late, p99 (ms, wall)"], late),
    ]


def lifelong(found: Mapping[str, Any]) -> list[str]:
    """Cost against the number of tasks."""
    marks = found["marks"]
    kinds = list(marks[0]["step_ms"])
    head = ["tasks", *(f"step, protect={kind} (ms)" for kind in kinds)]
    head += [f"memory, protect={kind} (MB)" for kind in kinds]
    head += ["checkpoint (MB)", "write (ms)", "read (ms)"]
    head += [f"evaluation, {found['evaluated_tasks']} drawn (s)", "of all, computed (s)"]
    rows = [
        [
            f"{mark['tasks']:,}",
            *(f"{mark['step_ms'][kind]:.1f}" for kind in kinds),
            *("-" if (memory := mark["memory_beyond_mb"][kind]) is None else f"{memory:.0f}" for kind in kinds),
            f"{mark['checkpoint_mb']:.1f}",
            f"{mark['save_ms']:.0f}",
            f"{mark['load_ms']:.0f}",
            f"{mark['evaluation_ms'] / 1e3:.2f}",
            f"{mark['evaluation_of_all_ms'] / 1e3:.1f}",
        ]
        for mark in marks
    ]
    first = marks[1 if len(marks) > 2 else 0]  # from the second one on there is a snapshot
    grown = 1e3 * (marks[-1]["checkpoint_mb"] - first["checkpoint_mb"]) / max(marks[-1]["tasks"] - first["tasks"], 1)
    growth = " and ".join(f"{found['growth'][kind]} with `continual.protect={kind}`" for kind in kinds)
    return [
        f"## {found['tasks']:,} tasks",
        "",
        f"`crl bench lifelong --tasks {found['tasks']}`: linear systems, the network of the paper's pusher, "
        f"{found['gradient_steps_per_task']} gradient steps a task. Memory is what learning takes beyond Theta, its "
        f"snapshot and its optimiser ({marks[-1]['theta_snapshot_optimiser_mb']} MB).",
        "",
        *markdown_table(head, rows),
        "",
        f"Ratio of a step after {found['tasks']:,} tasks to one after a single task, which protects none: {growth}. "
        "With `protect=0` all tasks are summed; from about 45 tasks on the sum is computed in Gram form, which costs "
        "the same for any number.",
        "",
        f"A checkpoint grows by {grown:.1f} kB a task; the rest is Theta, its snapshot and the moments of its "
        "optimiser. Each checkpoint is written whole: all but the snapshot change with every step, so that writing "
        "changes only would save a quarter, and make checkpoints depend on each other.",
        "",
        "![Cost against the number of tasks](results/lifelong.png)",
    ]


def page(results: Path) -> str:
    """The page."""
    speed = json.loads((results / "performance.json").read_text(encoding="utf-8"))
    parts = [[HEAD.strip()], machine(speed), learning(speed), rollouts(speed), decisions(speed)]
    if (results / "lifelong.json").is_file():
        parts.append(lifelong(json.loads((results / "lifelong.json").read_text(encoding="utf-8"))))
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def main() -> None:
    results = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/results")
    out = Path(sys.argv[2] if len(sys.argv) > 2 else "docs")
    (out / "performance.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
