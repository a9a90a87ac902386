"""Episodes as an MCAP file (https://mcap.dev) of ROS 2 messages, which ROS 2, Foxglove and rosbags read.

Vectors are ``std_msgs/msg/Float64MultiArray``: every float32 is a float64 exactly. The names and units of the elements
stand in ``layout.dim[0].label``. Messages of step t carry the time of t control periods after the beginning of the
episode; an episode begins a second after the end of the one before. The first message (``/about``) describes the data.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crl.exporting.whole import whole
from crl.training.data.episode import Episode, describe
from crl.training.data.extra import library
from crl.training.data.mcap import ABOUT
from crl.types import Array

ARRAY = """MultiArrayLayout layout
float64[] data
================================================================================
MSG: std_msgs/MultiArrayLayout
MultiArrayDimension[] dim
uint32 data_offset
================================================================================
MSG: std_msgs/MultiArrayDimension
string label
uint32 size
uint32 stride
"""
SECOND = 1_000_000_000
GAP = SECOND
"""Nanoseconds between two episodes."""


def needed() -> Any:
    """The library that writes the format.

    Raises:
        CrlError: It is missing.
    """
    return library("mcap_ros2.writer", "mcap-ros2-support")


def write(episodes: Sequence[Episode], path: Path) -> None:
    """Write a file with the topics about, episode, observation, action/(planned, refined, sent), reward and ends.

    Args:
        episodes: Episodes of one task.
        path: The file; it must not exist.

    Raises:
        ExportError: The library is missing, or the file exists or can't be written.
    """
    module = needed()
    with whole(path) as beside, beside.open("wb") as stream:
        writer = module.Writer(stream)
        kinds = {
            "array": writer.register_msgdef("std_msgs/msg/Float64MultiArray", ARRAY),
            "number": writer.register_msgdef("std_msgs/msg/Float64", "float64 data\n"),
            "flag": writer.register_msgdef("std_msgs/msg/Bool", "bool data\n"),
            "text": writer.register_msgdef("std_msgs/msg/String", "string data\n"),
        }
        about = json.dumps(describe(episodes[0].task, episodes))
        writer.write_message(ABOUT, kinds["text"], {"data": about}, log_time=0, publish_time=0)
        time = 0
        for episode in episodes:
            time = _episode(writer, kinds, episode, time) + GAP
        writer.finish()


def _episode(writer: Any, kinds: dict[str, Any], episode: Episode, begin: int) -> int:
    """Write an episode; returns the time of its end."""
    task = episode.task
    period = round(task.control_period * SECOND)

    def put(topic: str, kind: str, message: dict[str, Any], time: int) -> None:
        writer.write_message(topic, kinds[kind], message, log_time=time, publish_time=time)

    put("/episode", "text", {"data": json.dumps({"task": task.name, "seed": episode.seed})}, begin)
    seen = [(field.name, field.unit) for field in task.observation.fields]
    acted = list(zip(task.action.names, task.action.units, strict=True))
    parts = (("planned", episode.planned), ("refined", episode.refined), ("sent", episode.sent))
    for step in range(len(episode)):
        time, last = begin + step * period, step + 1 == len(episode)
        put("/observation", "array", _array(episode.observations[step], seen), time)
        for name, rows in parts:
            put(f"/action/{name}", "array", _array(rows[step], acted), time)
        put("/reward", "number", {"data": float(episode.rewards[step])}, time)
        put("/last", "flag", {"data": last}, time)
        put("/terminated", "flag", {"data": last and episode.terminated}, time)
    end = begin + len(episode) * period
    put("/observation", "array", _array(episode.observations[-1], seen), end)
    return end


def _array(row: Array, names: Sequence[tuple[str, str]]) -> dict[str, Any]:
    label = ", ".join(f"{name} ({unit})" for name, unit in names)
    dimension = {"label": label, "size": len(row), "stride": len(row)}
    return {"layout": {"dim": [dimension], "data_offset": 0}, "data": [float(value) for value in row]}
