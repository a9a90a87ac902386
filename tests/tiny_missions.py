"""Missions that take a second: five waypoints, few faults, and settings with little of everything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crl.config import Config
from crl.config.asking.composing import compose
from crl.training.missions.trials import Trial
from tests.tiny import read_with

POINTS = ((0.0, 0.0), (1.2, 0.0), (2.4, 0.3), (2.6, 1.5), (1.4, 1.8), (0.3, 1.4))
"""A short way with a bend (m)."""
FLIP = {"name": "gain_-1_1", "class": "signs", "fault": {"gain": [-1, 1]}}
UGV: dict[str, Any] = {
    "name": "small_ugv",
    "description": "for tests: a unicycle, its nominal body and a sign flip",
    "tasks": [
        {
            "name": "nominal",
            "id": "crl/UGVMission-v0",
            "kwargs": {"body": "kinematic", "fault": {}, "inject": 0.0, "remove": 1.0, "episode_steps": 120},
        }
    ],
    "missions": [{"name": "nominal", "class": "none", "fault": {}}, FLIP],
}
LABELLED: dict[str, Any] = {
    **UGV,
    "name": "labelled_ugv",
    "tasks": [
        *UGV["tasks"],
        {
            "name": FLIP["name"],
            "id": "crl/UGVMission-v0",
            "kwargs": {"body": "kinematic", "fault": FLIP["fault"], "inject": 0.0, "remove": 1.0, "episode_steps": 120},
        },
    ],
}
"""The sign flip as a task of its own, so that an agent may learn it and be told of it."""
NO_MISSIONS = {**UGV, "missions": []}
TIMES = ("ms",)
"""Entries of a record that may differ between equal missions."""

SMALL = (
    "dynamics.hidden=[24]",
    "dynamics.ensemble=2",
    "learning.lr=0.01",
    "planner=mppi",
    "planner.samples=32",
    "planner.horizon=6",
    "planner.rounds=1",
    "planner.std=0.6",
    "planner.temperature=0.05",
    "planner.smoothing=0.6",
    "flow.field.hidden=[16]",
    "flow.field.regimes=64",
    "flow.field.actions=4",
    "flow.field.updates=40",
    "flow.field.batch=64",
    "budget.steps=[600]",
    "learning.initial_steps=40",
    "learning.steps_per_env_step=0.1",
    "learning.final_steps=400",
    "exploration.random_episodes=5",
    "evaluation.episodes=1",
    "evaluation.episodes_between=0",
    "missions.inject=0.3",
    "missions.remove=0.8",
    "missions.steps=150",
    "monitor.probes=0",
    "checkpoint.seconds=100000",
    "videos=false",
    "check=false",
)


def write_map(path: Path, points: Any = POINTS) -> Path:
    """A waypoint file."""
    path.write_text("x,y\n" + "".join(f"{x},{y}\n" for x, y in points))
    return path


def arguments(folder: Path, *overrides: str, env: str = "tests.tiny_missions:UGV") -> list[str]:
    """The command line's arguments for a run in ``folder``/run that flies the map ``folder``/bend.csv."""
    where = write_map(folder / "bend.csv")
    chosen = [f"env={env}", f"run_dir={folder}", "name=run"]
    small = [*SMALL, f"missions.waypoints={where}"]
    return [*chosen, *read_with(small, *chosen, *overrides), *overrides]


def settings(folder: Path, *overrides: str, env: str = "tests.tiny_missions:UGV") -> Config:
    """:func:`arguments`, composed."""
    return compose(arguments(folder, *overrides, env=env))


def comparable(record: dict[str, Any]) -> dict[str, Any]:
    """A record without its times."""
    return {key: value for key, value in record.items() if key not in TIMES}


def saved(folder: Path, trial: Trial) -> dict[str, Any]:
    """A trial's record as it is in a folder of trials, without its times."""
    return comparable(json.loads((folder / trial.file).read_text()))
