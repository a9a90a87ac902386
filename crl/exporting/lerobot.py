"""Episodes as a LeRobot dataset of version 3 (https://github.com/huggingface/lerobot), written by its own library.

``action`` is what was sent; ``action.planned`` and ``action.refined`` stand beside it. LeRobot has one frame per step,
so the observation after a step is stored too (``next.state``): the last one of an episode would be lost without it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crl.exporting.whole import whole
from crl.training.data.episode import Episode, describe
from crl.training.data.extra import library
from crl.training.data.lerobot import ABOUT
from crl.types import TaskSpec


def needed() -> Any:
    """The library that writes the format.

    Raises:
        CrlError: It is missing.
    """
    return library("lerobot.datasets.lerobot_dataset", "lerobot", "lerobot")


def write(episodes: Sequence[Episode], folder: Path) -> None:
    """Write a dataset to a folder; ``LeRobotDataset(folder.name, root=folder)`` reads it.

    Args:
        episodes: Episodes of one task.
        folder: Where to; it must not exist.

    Raises:
        ExportError: LeRobot is missing, or the folder exists or can't be written.
    """
    create = needed().LeRobotDataset.create
    task = episodes[0].task
    rate = max(1, round(1 / task.control_period))
    with whole(folder) as beside:
        made = create(folder.name, fps=rate, root=beside, features=_features(task), use_videos=False)
        for episode in episodes:
            for step in range(len(episode)):
                made.add_frame(_frame(episode, step))
            made.save_episode()
        made.finalize()
        (beside / ABOUT).write_text(json.dumps(describe(task, episodes), indent=1) + "\n", encoding="utf-8")


def _features(task: TaskSpec) -> dict[str, dict[str, Any]]:
    seen = [name for field in task.observation.fields for name in _names(field.name, field.kind)]
    acted = list(task.action.names)

    def numbers(names: list[str]) -> dict[str, Any]:
        return {"dtype": "float32", "shape": (len(names),), "names": names}

    return {
        "observation.state": numbers(seen),
        "next.state": numbers(seen),
        "action": numbers(acted),
        "action.planned": numbers(acted),
        "action.refined": numbers(acted),
        "next.reward": {"dtype": "float64", "shape": (1,), "names": None},
        "next.done": {"dtype": "bool", "shape": (1,), "names": None},
        "next.terminated": {"dtype": "bool", "shape": (1,), "names": None},
    }


def _names(name: str, kind: str) -> list[str]:
    return [f"{name}_{part}" for part in "wxyz"] if kind == "quaternion" else [name]


def _frame(episode: Episode, step: int) -> dict[str, Any]:
    last = step + 1 == len(episode)
    return {
        "observation.state": episode.observations[step],
        "next.state": episode.observations[step + 1],
        "action": episode.sent[step],
        "action.planned": episode.planned[step],
        "action.refined": episode.refined[step],
        "next.reward": np.array([episode.rewards[step]]),
        "next.done": np.array([last]),
        "next.terminated": np.array([last and episode.terminated]),
        "task": episode.task.name,
    }
