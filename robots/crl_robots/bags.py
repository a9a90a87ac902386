"""Reading recorded bags: MCAP or SQLite, of any ROS 2 distribution, with the extra ``bags``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from crl.matching import nearest
from crl_robots.errors import RobotError

_MISSING = "install the reader of bags: pip install 'crl[bags]'"


def typestore() -> Any:
    """The message types of ROS 2 Kilted.

    Raises:
        RobotError: ``rosbags`` is not installed.
    """
    try:
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise RobotError("bags need the package rosbags", _MISSING) from error
    return get_typestore(Stores.ROS2_KILTED)


def bag_files(path: str | Path) -> list[Path]:
    """The files of a bag: the file itself, the folder of rosbag2, or a recorder's folder of MCAP files in order.

    Raises:
        RobotError: There is none.
    """
    path = Path(path)
    if path.is_file() or (path / "metadata.yaml").is_file():
        return [path]
    files = sorted(path.glob("*.mcap"))
    if not files:
        raise RobotError(f"there is no bag at {path}", "give a .mcap file, or a folder that holds some")
    return files


def named(topic: str, name: str) -> bool:
    """Whether a topic has this name, in whatever namespace."""
    wanted = name.strip("/")
    return topic.strip("/") == wanted or topic.endswith(f"/{wanted}")


def find_topic(topics: Sequence[str], name: str) -> str:
    """The topic of a name, in whatever namespace it was recorded.

    Raises:
        RobotError: There is none, or more than one.
    """
    found = [topic for topic in topics if named(topic, name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RobotError(f"the bag has several topics {name!r}: {', '.join(sorted(found))}", "give the full name")
    raise RobotError(f"the bag has no topic {name!r}{nearest(name.strip('/'), [topic.strip('/') for topic in topics])}")


def read_bag(
    path: str | Path, topics: Sequence[str] = (), optional: Sequence[str] = ()
) -> Iterator[tuple[str, str, float, Any]]:
    """Topic, type, time of receipt (s since 1970) and message of each message, in order of time.

    Args:
        path: See :func:`bag_files`.
        topics: Names of topics that must be there; without any names all topics are read.
        optional: Names of further topics.

    Raises:
        RobotError: ``rosbags`` is not installed, the bag can't be read, or lacks a topic. A file that its recorder
            could not close is mended by :func:`crl_robots.bag_file.mend_bag`.
    """
    try:
        from rosbags.highlevel import AnyReader, AnyReaderError
    except ImportError as error:
        raise RobotError("bags need the package rosbags", _MISSING) from error
    files = bag_files(path)
    try:
        with AnyReader(files, default_typestore=typestore()) as reader:
            there = sorted({connection.topic for connection in reader.connections})
            wanted = {find_topic(there, topic) for topic in topics}
            wanted |= {find_topic(there, topic) for topic in optional if any(named(t, topic) for t in there)}
            wanted = wanted if topics or optional else set(there)
            connections = [connection for connection in reader.connections if connection.topic in wanted]
            for connection, time, data in reader.messages(connections) if connections else ():
                yield connection.topic, connection.msgtype, 1e-9 * time, reader.deserialize(data, connection.msgtype)
    except RobotError:
        raise
    except (AnyReaderError, OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise RobotError(
            f"the bag {path} can't be read: {error}",
            "if its recorder was killed, mend it: python -c \"import crl_robots.bag_file as b; b.mend_bag('FILE')\"",
        ) from error
