"""Run folders as finished runs leave them, made without running anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SEQUENCE = "tests.tiny:SLIDES"
TASKS = ("slide_0", "slide_1", "slide_2")
EPISODES = 5


def leave(
    root: Path,
    strategy: str,
    seed: int,
    *,
    kept: float = 1.0,
    level: float = -1.0,
    noise: float = 0.05,
    pace: float = 0.5,
    tasks: Sequence[str] = TASKS,
    name: str | None = None,
    **results: Any,
) -> Path:
    """Leave the folder of a finished run on slides, whose returns are negative.

    Args:
        root: Folder of the runs.
        strategy: Its strategy.
        seed: Its seed.
        kept: Share of a task's score (from -10 to ``level``) that is left after every later task.
        level: Return of a task just learned.
        noise: Deviation of a return.
        pace: Share of the missing score that every training episode gains.
        tasks: Tasks in the order in which they are learned.
        name: Of the folder.
        results: Entries of ``results.json`` that differ from the usual ones.
    """
    random = np.random.default_rng([seed, *strategy.encode()])
    folder = root / (name or f"{strategy}_s{seed}")
    folder.mkdir(parents=True)
    columns = list(dict.fromkeys(tasks))
    returns: list[list[float | None]] = []
    lines = []
    for visit, task in enumerate(tasks):
        seen = list(dict.fromkeys(tasks[: visit + 1]))
        ages = {t: visit - max(i for i, other in enumerate(tasks[: visit + 1]) if other == t) for t in seen}
        drawn = {t: -10 + (level + 10) * kept ** ages[t] + noise * float(random.normal()) for t in seen}
        returns.append([drawn.get(column) for column in columns])
        for episode in range(EPISODES):
            score = 1 - (1 - pace) ** episode
            step = 16 * (visit * EPISODES + episode + 1)
            entry = {"kind": "episode", "step": step, "task": task, "episode": episode + 1, "steps": 16}
            lines.append({**entry, "return": -10 + (level + 10) * score, "success": score > 0.7})
    usual = {
        "env": SEQUENCE,
        "strategy": strategy,
        "profile": "full",
        "seed": seed,
        "run": str(folder),
        "matrix": [[None if value is None else float(value > -3) for value in row] for row in returns],
        "matrix_return": returns,
        "matrix_tasks": columns,
        "visits": [{"task": task, "steps": 16 * EPISODES, "episodes": EPISODES} for task in tasks],
        "env_steps": 16 * EPISODES * len(tasks),
        "gradient_steps": 100 * len(tasks),
        "wall_seconds": 120.0,
        "cpu_seconds": 60.0,
        "time": {"plan": {"wall": 2.0, "cpu": 1.0 + seed}},
        "decision_ms": 10.0,
        "evaluation": {"episodes": 2, "episodes_between": 1, "seed": 90_000},
        "fingerprint": f"{strategy} {seed}",
        "version": "0.1.0",
        "torch": "2.13.0",
    }
    (folder / "config.yaml").write_text(f"budget:\n  steps: [{16 * EPISODES}]\nseed: {seed}\nthreads: 1\n")
    (folder / "results.json").write_text(json.dumps({**usual, **results}))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def plastic(*shares: float) -> list[dict[str, Any]]:
    """Visits of :data:`TASKS` with measures of plasticity."""
    state = {"effective_rank": 8.0, "effective_rank_share": 0.5}
    return [
        {"task": task, "steps": 80, "episodes": EPISODES, "plasticity": {"dormant_units": share, **state}}
        for task, share in zip(TASKS, shares, strict=True)
    ]
