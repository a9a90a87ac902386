"""Parts that the pages of results share: tables, provenance, per-run rows."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crl.reporting.runs import Groups, RunRecord
from crl.reporting.tables.kinds import Number
from crl.reporting.tables.table import Column, Table
from crl.text import counted


def provenance(groups: Groups, script: str, command: str) -> list[str]:
    """Who wrote the page, from which runs, with which versions; groups must not be empty."""
    runs = [run for group in groups.values() for run in group]
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    written = said.stdout.strip() or "unknown"
    versions = ", ".join(sorted({str(run.results["version"]) for run in runs}))
    torches = ", ".join(sorted({str(run.results["torch"]) for run in runs}))
    threads = sorted({str(run.settings.get("threads", 1)) for run in runs})
    return [
        f"Written by `{script}` from the run folders of",
        "",
        f"    {command}",
        "",
        f"Runs: {commits(runs)}, crl {versions}, torch {torches}, {platform.machine()}, {'/'.join(threads)} thread per "
        f"run. Page: commit {written}.",
    ]


def commits(runs: Sequence[RunRecord]) -> str:
    """Commits that made the runs: ``commit 1a2b3c4``, or each with its number of runs where they differ."""
    found: dict[str, int] = {}
    for run in runs:
        name = f"commit {run.commit}" if run.commit else "commit not recorded"
        found[name] = found.get(name, 0) + 1
    if len(found) == 1:
        return next(iter(found))
    return ", ".join(f"{name} ({counted(count, 'run')})" for name, count in found.items())


def final(runs: Sequence[RunRecord], measure: str = "matrix") -> NDArray[np.float64]:
    """Scores after the last task, [seeds, tasks]."""
    return np.array([run.matrix(measure)[-1] for run in runs])


def learned(runs: Sequence[RunRecord], measure: str = "matrix") -> NDArray[np.float64]:
    """Scores of each task just after it was learned, [seeds, tasks] (sequences without repeats)."""
    return np.array([np.diag(run.matrix(measure)) for run in runs])


def forgotten(runs: Sequence[RunRecord], measure: str = "matrix") -> NDArray[np.float64]:
    """R[j, j] - R[T, j] of every task but the last, [seeds, tasks - 1]."""
    return (learned(runs, measure) - final(runs, measure))[:, :-1]


def time_table(groups: Groups) -> Table:
    """Where the CPU time goes: median over runs, in seconds, and the median decision in milliseconds."""
    phases = list(dict.fromkeys(phase for runs in groups.values() for run in runs for phase in run.results["time"]))
    rows = []
    for name, runs in groups.items():
        seconds = [np.median([run.results["time"].get(phase, {}).get("cpu", 0.0) for run in runs]) for phase in phases]
        known = [run.results["decision_ms"] for run in runs if run.results["decision_ms"] is not None]
        rows.append((name, *seconds, np.median(known) if known else None))
    columns = [Column("strategy"), *(Column(phase, Number(".0f"), "s") for phase in phases)]
    return Table.of([*columns, Column("decision", Number(".1f"), "ms")], rows)


def write_page(target: Path, name: str, lines: Sequence[str], groups: Groups) -> Path:
    """Write ``NAME.md`` and, beside it, the results that it was made of."""
    target.mkdir(parents=True, exist_ok=True)
    page = target / f"{name}.md"
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    # A run is known by its name here, where its folder lay concerns nobody else; one line per run.
    summary = [
        f"{json.dumps(strategy)}: [\n"
        + ",\n".join(json.dumps({**run.results, "run": run.path.name}, separators=(",", ":")) for run in runs)
        + "\n]"
        for strategy, runs in groups.items()
    ]
    (target / f"{name}.json").write_text("{" + ",\n".join(summary) + "}\n", encoding="utf-8")
    return page
