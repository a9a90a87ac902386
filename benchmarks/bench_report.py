"""How long a report of many runs takes to build and to open, and how large it is.

By default 60 run folders are made: 12 methods with 5 seeds on the ten pole lengths, 40 training episodes per task, with
settings, logs and results of the size that real runs leave. ``--runs FOLDER`` reports real ones instead. Building is
measured twice, as a program (with all its imports) and inside a process that has them; opening is what headless
Chromium says of itself (from the start of navigation to the end of loading and the page's own script), and the wall
time of the whole browser, from its start to its end. ``--listing`` times ``crl runs list``, without and with an index.
Run with ``OMP_NUM_THREADS=1``.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from crl import __version__
from crl.config.asking.composing import compose, fingerprint, to_yaml
from crl.reporting.reports import Options, write_reports
from crl.reporting.store import index

METHODS = (
    "hypercrl",
    "hypercrl_chunked",
    "hypercrl_ewc",
    "hypercrl_si",
    "hypercrl_replay",
    "coreset",
    "ewc",
    "si",
    "pnn",
    "finetune",
    "multitask",
    "single",
)
TASKS = tuple(f"length_{length}" for length in (0.6, 0.8, 0.4, 1, 1.2, 0.7, 0.5, 0.9, 1.1, 1.3))
EPISODES, STEPS = 40, 200
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
TIMER = """<script>addEventListener("load", () => setTimeout(() => {
document.documentElement.dataset.loaded = performance.now(); }));</script>"""


def make(root: Path, seeds: int) -> None:
    """Run folders as runs of 10 tasks leave them."""
    for method in METHODS:
        kept = {"finetune": 0.7, "ewc": 0.95, "si": 0.93}.get(method, 0.99)
        for seed in range(seeds):
            config = compose(["env=cartpole_length", "profile=full", f"continual={method}", f"seed={seed}"])
            folder = root / f"{method}_s{seed}"
            (folder / "checkpoints").mkdir(parents=True)
            (folder / "config.yaml").write_text(to_yaml(config))
            (folder / "fingerprint").write_text(f"{fingerprint(config)}\n")
            results, lines = contents(folder, method, seed, kept)
            results["fingerprint"] = fingerprint(config)
            (folder / "results.json").write_text(json.dumps(results, indent=2))
            (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def contents(folder: Path, method: str, seed: int, kept: float) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Results and log of a run whose tasks fade by a factor per later task."""
    random = np.random.default_rng([seed, *method.encode()])
    matrix: list[list[float | None]] = []
    lines: list[dict[str, object]] = []
    for visit, task in enumerate(TASKS):
        row = [175 * kept ** (visit - j) + random.normal(0, 4) if j <= visit else None for j in range(len(TASKS))]
        matrix.append([None if value is None else float(value) for value in row])
        for episode in range(EPISODES):
            step = STEPS * (visit * EPISODES + episode + 1)
            value = float(175 * (1 - 0.85**episode) + random.normal(0, 8))
            entry = {"kind": "episode", "step": step, "task": task, "episode": episode + 1, "return": value}
            lines.append({**entry, "success": value > 140, "steps": STEPS})
            lines.append({"kind": "learning", "step": step, "steps": STEPS, "loss": float(random.random())})
    last = zip(TASKS, matrix[-1], strict=True)
    final = [{"name": task, "success_rate": 1.0, "mean_return": value} for task, value in last]
    plasticity = {"dormant_units": 0.01, "effective_rank": 60.0, "effective_rank_share": 0.5}
    spent = {"steps": STEPS * EPISODES, "episodes": EPISODES, "kept_bytes": 4_000_000, "plasticity": plasticity}
    visits = [{"task": task, **spent} for task in TASKS]
    memory = {"stated_bytes_per_task": 40, "measured_bytes_per_task": 40.0, "revisits_data": False, "old_rows_read": 0}
    phases = ("plan", "learn", "simulate", "evaluate", "write", "other")
    results: dict[str, object] = {
        "env": "cartpole_length",
        "agent": "mpc",
        "strategy": method,
        "planner": "icem",
        "profile": "full",
        "seed": seed,
        "run": str(folder),
        "tasks": final,
        "matrix": [[None if value is None else float(value > 140) for value in row] for row in matrix],
        "matrix_return": matrix,
        "matrix_tasks": list(TASKS),
        "visits": visits,
        "env_steps": STEPS * EPISODES * len(TASKS),
        "gradient_steps": 40_000,
        "wall_seconds": 400.0,
        "cpu_seconds": 230.0,
        "time": {phase: {"wall": 60.0, "cpu": float(random.uniform(1, 60))} for phase in phases},
        "decision_ms": 7.0,
        "memory": memory,
        "evaluation": {"episodes": 5, "episodes_between": 1, "seed": 90_000},
        "version": __version__,
        "torch": "2.13.0",
    }
    return results, lines


def opened(page: Path, work: Path) -> tuple[float | None, float]:
    """Milliseconds that the browser says it took to open a page, and seconds of the whole browser."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return None, float("nan")
    timed = work / "timed.html"
    timed.write_text(page.read_text().replace("</head>", f"{TIMER}</head>", 1))
    command = [browser, *FLAGS, f"--user-data-dir={work / 'profile'}", "--dump-dom", timed.as_uri()]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    seconds = time.perf_counter() - began
    found = re.search(r'data-loaded="([\d.]+)"', done.stdout)
    return float(found[1]) if found else None, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, help="a folder of real runs; synthetic ones by default")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--listing", action="store_true", help="also time `crl runs list` (writes an index there)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        root = given.runs or work / "runs"
        if given.runs is None:
            make(root, given.seeds)
        page = work / "report.html"
        began = time.perf_counter()
        command = [sys.executable, "-m", "crl.cli", "report", str(root), "--out", str(page)]
        subprocess.run(command, check=True, capture_output=True)
        print(f"crl report, the whole program   {time.perf_counter() - began:8.2f} s")
        for label in ("inside a process, first time", "inside a process, again"):
            began = time.perf_counter()
            write_reports([str(root)], {"html": page}, Options())
            print(f"{label:30}  {time.perf_counter() - began:8.2f} s")
        print(f"size of the page                {page.stat().st_size / 1e6:8.2f} MB")
        for label in ("cold", "warm"):
            milliseconds, seconds = opened(page, work)
            shown = "no Chromium" if milliseconds is None else f"{milliseconds / 1e3:8.2f} s"
            print(f"open in headless Chromium, {label} {shown} (browser's start to end: {seconds:.2f} s)")
        if given.listing or given.runs is None:
            for label in ("without an index", "with its index"):
                began = time.perf_counter()
                count = len(index.entries(root))
                print(f"list of {count} runs, {label:16} {time.perf_counter() - began:6.2f} s")


if __name__ == "__main__":
    main()
