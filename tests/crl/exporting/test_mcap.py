"""Episodes through MCAP and back, by two readers of ROS 2 messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crl.exporting import mcap
from crl.exporting.extra import ExportError
from crl.training.data.episode import Episode
from crl.training.data.mcap import ABOUT
from tests.crl.exporting import trips

pytest.importorskip("mcap_ros2", reason="needs the extra export")


def read(messages: list[tuple[str, Any]], sent: list[Episode]) -> list[Episode]:
    """Episodes of (topic, message) in order."""
    found: list[dict[str, list[Any]]] = []
    assert messages[0][0] == ABOUT
    for topic, message in messages[1:]:
        if topic == "/episode":
            found.append({topic: [json.loads(message.data)]})
            continue
        found[-1].setdefault(topic, []).append(message.data)
    made = []
    for one in found:
        assert one["/last"] == [False] * (len(one["/last"]) - 1) + [True]
        assert one["/episode"][0]["task"] == sent[0].task.name
        rows = [
            np.array(one[topic], np.float32)
            for topic in ("/observation", "/action/planned", "/action/refined", "/action/sent")
        ]
        seed = one["/episode"][0]["seed"]
        made.append(Episode(sent[0].task, seed, *rows, np.array(one["/reward"]), one["/terminated"][-1]))
    return made


def test_every_field_comes_back_by_the_reader_of_foxglove(tmp_path: Path) -> None:
    from mcap_ros2.reader import read_ros2_messages

    sent = trips.episodes()
    mcap.write(sent, tmp_path / "slides.mcap")
    messages = list(read_ros2_messages(str(tmp_path / "slides.mcap")))
    trips.assert_same(read([(each.channel.topic, each.ros_msg) for each in messages], sent), sent)
    times = [each.log_time_ns for each in messages if each.channel.topic == "/observation"]
    period = round(sent[0].task.control_period * 1e9)
    assert set(np.diff(times[: len(sent[0]) + 1])) == {period}
    label = next(each.ros_msg for each in messages if each.channel.topic == "/observation").layout.dim[0].label
    assert label.startswith(sent[0].task.observation.fields[0].name)


def test_every_field_comes_back_by_rosbags(tmp_path: Path) -> None:
    pytest.importorskip("rosbags")
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    sent = trips.episodes((40, 2))
    mcap.write(sent, tmp_path / "slides.mcap")
    with AnyReader([tmp_path / "slides.mcap"], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        messages = [
            (connection.topic, reader.deserialize(data, connection.msgtype))
            for connection, _, data in reader.messages()
        ]
    trips.assert_same(read(messages, sent), sent)


def test_a_file_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "here.mcap").touch()
    with pytest.raises(ExportError, match="exists already"):
        mcap.write(trips.episodes((3,)), tmp_path / "here.mcap")
