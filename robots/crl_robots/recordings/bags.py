"""Reading recorded bags: MCAP or SQLite, of any ROS 2 distribution, with the extra ``bags``."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crl.matching import nearest
from crl_robots.errors import RobotError

SUFFIXES = (".mcap", ".db3", ".bag")
"""Endings of files that are bags; of a folder without a description, those of the first kind that it has are read."""
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


def is_bag(path: Path) -> bool:
    """Whether a path looks like a bag: a file of one, or a folder that holds some."""
    return bool(_files(path)) if path.is_dir() else path.suffix in SUFFIXES


def bag_files(path: str | Path) -> list[Path]:
    """The files of a bag, in order.

    A file; a folder of rosbag2, with its ``metadata.yaml``; a folder of files, such as a recorder's or one whose
    description is lost; or a folder of such folders.

    Raises:
        RobotError: There is none.
    """
    path = Path(path)
    files = [path] if path.is_file() else _files(path)
    if not files:
        raise RobotError(
            f"there is no bag at {path}", f"give a file ({', '.join(SUFFIXES)}), or a folder that holds some"
        )
    return files


def _files(folder: Path, inside: bool = True) -> list[Path]:
    """The bags in a folder, or else in the folders in it."""
    if (folder / "metadata.yaml").is_file():
        return [folder]
    for suffix in SUFFIXES:
        if files := sorted(file for file in folder.glob(f"*{suffix}") if file.is_file()):
            return files
    folders = sorted(entry for entry in folder.glob("*") if entry.is_dir()) if inside else []
    return [file for entry in folders for file in _files(entry, inside=False)]


def named(topic: str, name: str) -> bool:
    """Whether a topic has this name, in whatever namespace."""
    wanted = name.strip("/")
    return topic.strip("/") == wanted or topic.endswith(f"/{wanted}")


def find_topic(topics: Iterable[str], name: str) -> str:
    """The topic of a name: the one that is called so in full, or else in whatever namespace.

    Raises:
        RobotError: There is none, or more than one.
    """
    topics = list(topics)
    for topic in topics:
        if topic.strip("/") == name.strip("/"):
            return topic
    found = [topic for topic in topics if named(topic, name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RobotError(f"the bag has several topics {name!r}: {', '.join(sorted(found))}", "give the full name")
    raise RobotError(f"the bag has no topic {name!r}{nearest(name.strip('/'), [topic.strip('/') for topic in topics])}")


class Bag:
    """A bag that is open, see :func:`open_bag`.

    Args:
        path: For messages.
        reader: That of ``rosbags``.
    """

    def __init__(self, path: str | Path, reader: Any) -> None:
        self._path, self._reader = path, reader
        self.topics: dict[str, str] = {connection.topic: connection.msgtype for connection in reader.connections}
        """Type of each topic."""

    def messages(self, topics: Collection[str | None]) -> Iterator[tuple[str, str, float, Any]]:
        """Topic, type, time of receipt (s since 1970) and message of each message, in order of time.

        Args:
            topics: Full names.

        Raises:
            RobotError: A message can't be read.
        """
        connections = [connection for connection in self._reader.connections if connection.topic in topics]
        rows = iter(self._reader.messages(connections)) if connections else iter(())
        while True:
            try:
                row = next(rows, None)
                if row is None:
                    return
                connection, time, data = row
                message = self._reader.deserialize(data, connection.msgtype)
            except Exception as error:  # damaged files may do anything to the reader
                raise _unreadable(self._path, error) from error
            yield connection.topic, connection.msgtype, 1e-9 * time, message


@contextmanager
def open_bag(path: str | Path) -> Iterator[Bag]:
    """Open a bag.

    Args:
        path: See :func:`bag_files`.

    Raises:
        RobotError: ``rosbags`` is not installed, or the bag can't be read. What is whole in a damaged MCAP file is
            saved by :func:`crl_robots.mcap.salvage.salvage_bag`.
    """
    try:
        from rosbags.highlevel import AnyReader
    except ImportError as error:
        raise RobotError("bags need the package rosbags", _MISSING) from error
    files = bag_files(path)
    try:
        reader = AnyReader(files, default_typestore=typestore())
        reader.open()
    except RobotError:
        raise
    except Exception as error:  # damaged files may do anything to the reader
        raise _unreadable(_culprit(files), error) from error
    try:
        yield Bag(path, reader)
    finally:
        reader.close()


def read_bag(
    path: str | Path, topics: Sequence[str] = (), optional: Sequence[str] = ()
) -> Iterator[tuple[str, str, float, Any]]:
    """Topic, type, time of receipt (s since 1970) and message of each message, in order of time.

    Args:
        path: See :func:`bag_files`.
        topics: Names of topics that must be there, see :func:`find_topic`; without any names all topics are read.
        optional: Names of further topics.

    Raises:
        RobotError: See :func:`open_bag`; or the bag lacks a topic.
    """
    with open_bag(path) as bag:
        wanted = {find_topic(bag.topics, topic) for topic in topics}
        wanted |= {find_topic(bag.topics, topic) for topic in optional if any(named(t, topic) for t in bag.topics)}
        yield from bag.messages(wanted if topics or optional else bag.topics)


def _culprit(files: list[Path]) -> Path:
    """The first file that can't be opened by itself."""
    from rosbags.highlevel import AnyReader

    for file in files:
        try:
            with AnyReader([file], default_typestore=typestore()):
                pass
        except Exception:
            return file
    return files[0]


def _unreadable(path: str | Path, error: Exception) -> RobotError:
    suffix, quoted = Path(path).suffix, shlex.quote(str(path))
    if isinstance(error, MemoryError):
        error = ValueError("it tells of more data than fit into memory")
    if suffix == ".db3":
        hint = f"if it is damaged, SQLite may help: sqlite3 {quoted} .recover"
    elif suffix == ".bag":
        hint = "if its recorder was killed: rosbag reindex"
    else:
        hint = f"if its recorder was killed, or it is damaged, save what is whole: crl salvage {quoted} --out NEW"
    return RobotError(f"the bag {path} can't be read: {error}", hint)
