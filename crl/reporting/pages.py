"""Parts that the pages of results share: tables, provenance, per-run rows."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crl.reporting.runs import RunRecord

Groups = Mapping[str, Sequence[RunRecord]]


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def provenance(groups: Groups, script: str, command: str) -> list[str]:
    """Who wrote the page, from which runs, with which versions."""
    results = next(iter(groups.values()))[0].results
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    commit = said.stdout.strip() or "unknown"
    return [
        f"Written by `{script}` from the run folders of",
        "",
        f"    {command}",
        "",
        f"crl {results['version']} (page written at commit {commit}), torch {results['torch']}, "
        f"{platform.machine()}, one thread per run.",
        "thread per run.",
    ]


def final(runs: Sequence[RunRecord], measure: str = "matrix") -> NDArray[np.float64]:
    """Scores after the last task, [seeds, tasks]."""
    return np.array([run.matrix(measure)[-1] for run in runs])


def learned(runs: Sequence[RunRecord], measure: str = "matrix") -> NDArray[np.float64]:
    """Scores of each task just after it was learned, [seeds, tasks] (sequences without repeats)."""
    return np.array([np.diag(run.matrix(measure)) for run in runs])


def forgotten(runs: Sequence[RunRecord], measure: str = "matrix") -> NDArray[np.float64]:
    """R[j, j] - R[T, j] of every task but the last, [seeds, tasks - 1]."""
    return (learned(runs, measure) - final(runs, measure))[:, :-1]


def time_table(groups: Groups) -> list[str]:
    """Where the CPU time goes: median over runs, in seconds, and the median decision in milliseconds."""
    phases = list(next(iter(groups.values()))[0].results["time"])
    rows = []
    for name, runs in groups.items():
        seconds = [np.median([run.results["time"][phase]["cpu"] for run in runs]) for phase in phases]
        known = [run.results["decision_ms"] for run in runs if run.results["decision_ms"] is not None]
        rows.append([name, *(f"{value:.0f}" for value in seconds), f"{np.median(known):.1f}" if known else "-"])
    return markdown_table(["strategy", *(f"{phase} (s)" for phase in phases), "decision (ms)"], rows)


def write_page(target: Path, name: str, lines: Sequence[str], groups: Groups) -> Path:
    """Write ``NAME.md`` and, beside it, the results that it was made of."""
    target.mkdir(parents=True, exist_ok=True)
    page = target / f"{name}.md"
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    # A run is known by its name here: where its folder lay concerns nobody else.
    summary = {strategy: [{**run.results, "run": run.path.name} for run in runs] for strategy, runs in groups.items()}
    (target / f"{name}.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    return page
