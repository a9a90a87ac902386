"""MCAP files that ``crl export --format mcap`` wrote, as transitions to learn from.

A file of a robot's own recorder is a bag, which others read (:mod:`crl_robots.recordings.demonstrations`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crl.errors import CrlError
from crl.training.data.episode import AGAIN, as_data, described
from crl.training.data.extra import library
from crl.training.data.told import refuse_robot

ABOUT = "/about"
"""Topic of the message that describes the data."""
EPISODE = "/episode"
TOPICS = {
    "observations": "/observation",
    "planned": "/action/planned",
    "refined": "/action/refined",
    "sent": "/action/sent",
    "rewards": "/reward",
}
"""Topic of each column of an episode."""
_ENDING = 37
"""Bytes of a file's footer (opcode, length, two offsets, a checksum) and of the magic number after it."""


class MCAPData:
    """Reads one file that was exported."""

    @staticmethod
    def fits(source: str) -> bool:
        """Whether a source is an MCAP file with all topics of an export; its summary names them without a library."""
        path = Path(source)
        if not path.is_file() or path.suffix != ".mcap" or path.stat().st_size < _ENDING:
            return False
        with path.open("rb") as stream:
            stream.seek(-_ENDING, 2)
            (summary,) = struct.unpack_from("<Q", stream.read(), 9)
            if not 0 < summary < path.stat().st_size:
                return False
            stream.seek(summary)
            named = stream.read()
        return all(topic.encode() in named for topic in (ABOUT, EPISODE, *TOPICS.values()))

    @staticmethod
    def read(
        source: str,
        env: str,
        options: Mapping[str, Any],
        robot: str | None = None,
        odom: str = "odom",
        cmd_vel: str | None = None,
    ) -> dict[str, Any]:
        """Transitions of a file; see :meth:`crl_robots.recordings.demonstrations.BagData.read`.

        Raises:
            CrlError: ``mcap-ros2-support`` is missing, or the file is damaged.
        """
        del env, options, odom
        refuse_robot("a file that was exported", robot, cmd_vel)
        about, found = _collect(source, _messages(source))
        if about is None:
            raise CrlError(f"{source} has no message on {ABOUT}", AGAIN)
        return as_data(source, about, [_columns(source, i, each) for i, each in enumerate(found)])


def _collect(
    source: str, messages: Iterable[tuple[str, Any]]
) -> tuple[dict[str, Any] | None, list[dict[str, list[Any]]]]:
    """The description, and the values of each topic, in order, of each episode."""
    about: dict[str, Any] | None = None
    found: list[dict[str, list[Any]]] = []
    for topic, message in messages:
        if topic == ABOUT:
            about = described(source, message.data)
        elif topic == EPISODE:
            found.append({})
        elif found:
            found[-1].setdefault(topic, []).append(message.data)
    return about, found


def _messages(source: str) -> list[tuple[str, Any]]:
    """Topic and message of each message, as they stand in the file, which is checked by its own sums too."""
    reading = library("mcap.reader", "mcap-ros2-support")
    decoding = library("mcap_ros2.decoder", "mcap-ros2-support")
    try:
        with Path(source).open("rb") as stream:
            reader = reading.NonSeekingReader(stream, validate_crcs=True, decoder_factories=[decoding.DecoderFactory()])
            rows = reader.iter_decoded_messages(log_time_order=False)
            return [(channel.topic, message) for _, channel, _, message in rows]
    except Exception as error:  # a damaged file may do anything to the reader
        raise CrlError(f"{source} is damaged: {error}", AGAIN) from error


def _columns(source: str, number: int, topics: Mapping[str, list[Any]]) -> dict[str, Any]:
    """An episode as :meth:`crl.training.data.episode.Episode.columns` gives it."""
    missing = [topic for topic in (*TOPICS.values(), "/terminated") if topic not in topics]
    if missing:
        raise CrlError(f"{source} has no message on {', '.join(missing)} in episode {number}", AGAIN)
    try:
        columns: dict[str, Any] = {name: np.array(topics[topic], np.float32) for name, topic in TOPICS.items()}
    except ValueError as error:  # rows of several lengths
        raise CrlError(f"{source} is damaged: vectors of episode {number} differ in length", AGAIN) from error
    columns["rewards"] = np.array(topics[TOPICS["rewards"]], np.float64)
    columns["terminated"] = bool(topics["/terminated"][-1])
    return columns
