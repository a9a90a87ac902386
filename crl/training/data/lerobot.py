"""LeRobot datasets of version 3 that ``crl export --format lerobot`` wrote, as transitions to learn from.

A dataset is a folder of Parquet files with a row per step. They are read as they are, since LeRobot's own loader gives
every number as float32. A dataset of another program names no units and no ranges, so it can't be checked, and is
refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crl.errors import CrlError
from crl.training.data.episode import AGAIN, as_data, described
from crl.training.data.extra import library
from crl.training.data.told import refuse_robot

ABOUT = "crl.json"
"""File beside the dataset's own with what it has no place for: units, ranges, the exact period, seeds."""
INFO = "meta/info.json"
VERSION = "v3."
WHERE = ("episode_index", "frame_index")
VECTORS = ("observation.state", "next.state", "action", "action.planned", "action.refined")


class LeRobotData:
    """Reads a folder of a LeRobot dataset."""

    @staticmethod
    def fits(source: str) -> bool:
        """Whether a source is a LeRobot dataset."""
        return (Path(source) / INFO).is_file()

    @staticmethod
    def read(
        source: str,
        env: str,
        options: Mapping[str, Any],
        robot: str | None = None,
        odom: str = "odom",
        cmd_vel: str | None = None,
    ) -> dict[str, Any]:
        """Transitions of a dataset; see :meth:`crl_robots.recordings.demonstrations.BagData.read`.

        Raises:
            CrlError: ``pyarrow`` is missing, the dataset is damaged or of another version, or crl did not write it.
        """
        del env, options, odom
        refuse_robot("a LeRobot dataset", robot, cmd_vel)
        folder = Path(source)
        _check_version(folder)
        about = folder / ABOUT
        if not about.is_file():
            raise CrlError(
                f"{source} has no {ABOUT}: it names no units, ranges and period that could be checked",
                "give a dataset that `crl export --format lerobot` wrote, or export the recording itself: "
                "crl export BAG --format lerobot",
            )
        told = described(str(about), about.read_text(encoding="utf-8", errors="replace"))
        rows = _rows(folder)
        if not len(rows["action"]):
            raise CrlError(f"{source} is damaged: it holds no steps", AGAIN)
        starts = np.flatnonzero(np.diff(rows["episode_index"])) + 1
        parts = {name: np.split(values, starts) for name, values in rows.items()}
        episodes = [{name: parts[name][i] for name in parts} for i in range(len(starts) + 1)]
        return as_data(source, told, [_columns(source, number, each) for number, each in enumerate(episodes)])


def _check_version(folder: Path) -> None:
    try:
        version = str(json.loads((folder / INFO).read_text(encoding="utf-8"))["codebase_version"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CrlError(f"{folder} is damaged: {INFO} does not tell its version ({error!r})", AGAIN) from error
    if not version.startswith(VERSION):
        raise CrlError(
            f"{folder} is a LeRobot dataset of version {version}, version 3 can be read",
            "LeRobot converts older ones: python -m lerobot.datasets.v30.convert_dataset_v21_to_v30",
        )


def _rows(folder: Path) -> dict[str, Any]:
    """All columns that are needed, by name, sorted by episode and step."""
    parquet = library("pyarrow.parquet", "pyarrow")
    files = sorted((folder / "data").rglob("*.parquet"))
    if not files:
        raise CrlError(f"{folder} is damaged: there is no Parquet file in {folder / 'data'}", AGAIN)
    wanted = (*WHERE, *VECTORS, "next.reward", "next.done", "next.terminated")
    tables: list[dict[str, Any]] = []
    for file in files:
        try:
            table = parquet.read_table(file)
            missing = [name for name in wanted if name not in table.column_names]
            if not missing:
                tables.append({name: _numbers(table[name], name in VECTORS) for name in wanted})
        except Exception as error:  # a damaged file may do anything to the reader
            raise CrlError(f"{file} is damaged: {error}", AGAIN) from error
        if missing:
            raise CrlError(f"{file} has no column {', '.join(missing)}", AGAIN)
    rows = {name: np.concatenate([table[name] for table in tables]) for name in wanted}
    order = np.lexsort((rows["frame_index"], rows["episode_index"]))
    return {name: values[order] for name, values in rows.items()}


def _numbers(column: Any, vector: bool) -> Any:
    """A column as an array with a row per step; those of one element may be plain numbers or lists of one."""
    values = column.combine_chunks().to_numpy(zero_copy_only=False)
    if values.dtype == object:
        values = np.stack(values)
    return values.reshape(len(column), -1) if vector else values.reshape(len(column))


def _columns(source: str, number: int, rows: Mapping[str, Any]) -> dict[str, Any]:
    """An episode as :meth:`crl.training.data.episode.Episode.columns` gives it."""
    state, after, done = rows["observation.state"], rows["next.state"], rows["next.done"]
    if not np.array_equal(state[1:], after[:-1], equal_nan=True) or done[:-1].any() or not done[-1]:
        raise CrlError(f"{source} is damaged: steps of episode {number} are missing or changed", AGAIN)
    return {
        "observations": np.concatenate([state, after[-1:]]),
        "planned": rows["action.planned"],
        "refined": rows["action.refined"],
        "sent": rows["action"],
        "rewards": rows["next.reward"],
        "terminated": bool(rows["next.terminated"][-1]),
    }
