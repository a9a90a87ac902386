"""MCAP files that survive the death of their writer.

An MCAP file (https://mcap.dev/spec) is a sequence of records. These files hold their messages one by one, not in
compressed chunks, so that each is whole as soon as it is written. What a killed writer leaves lacks only the closing
records; :func:`mend_bag` cuts what is torn and adds them.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from crl_robots.errors import RobotError

MAGIC = b"\x89MCAP0\r\n"
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _DATA_END = 0x01, 0x02, 0x03, 0x04, 0x05, 0x0F


class BagFile:
    """One MCAP file that is being written.

    Every record is handed to the operating system whole before :meth:`write` returns: a process that is killed then
    loses nothing that was written. Only the power of the machine can, for what :meth:`sync` has not put on the disk.

    Args:
        path: File to make; it must not exist.

    Raises:
        RobotError: The file can't be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        """Bytes written."""
        try:
            # Not buffered: a buffer would die with the process.
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise RobotError(f"the bag {path} can't be made: {error.strerror}", "choose another place") from error
        self._channels: dict[str, tuple[int, str]] = {}
        self._sequences: dict[int, int] = {}
        self._last = 0
        self._put(MAGIC + _record(_HEADER, _text("ros2") + _text("crl")))

    def write(self, topic: str, kind: str, definition: str, data: bytes, time: int) -> None:
        """Append a message.

        Args:
            topic: Topic.
            kind: Type, such as ``nav_msgs/msg/Odometry``.
            definition: Text of the type's definition with those that it uses, as in ``.msg`` files.
            data: The message in CDR.
            time: When it was received (ns since 1970); times that go back are raised to the last one, since readers of
                files without an index want them in order.

        Raises:
            RobotError: The disk is full or gone, or the topic had another type before. What was written stays whole.
        """
        known = self._channels.get(topic)
        if known is not None and known[1] != kind:
            raise RobotError(f"{topic} had the type {known[1]} and now has {kind}", "record it under another name")
        if known is None:
            number = len(self._channels) + 1
            schema = struct.pack("<H", number) + _text(kind) + _text("ros2msg") + _text(definition)
            channel = struct.pack("<HH", number, number) + _text(topic) + _text("cdr") + struct.pack("<I", 0)
            self._put(_record(_SCHEMA, schema) + _record(_CHANNEL, channel))
            self._channels[topic] = known = (number, kind)
        number = known[0]
        sequence = self._sequences.get(number, 0) + 1
        self._last = max(self._last, time)
        self._put(_record(_MESSAGE, struct.pack("<HIQQ", number, sequence % 2**32, self._last, time) + data))
        self._sequences[number] = sequence

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file properly. A second call does nothing."""
        if self._file.closed:
            return
        try:
            self._put(_ending())
            self.sync()
        finally:
            self._file.close()

    def _put(self, data: bytes) -> None:
        """Write all of ``data`` or none of it."""
        try:
            done = 0
            while done < len(data):
                done += self._file.write(data[done:]) or 0
        except OSError as error:
            self._file.truncate(self.size)
            self._file.seek(self.size)
            raise RobotError(
                f"the bag {self.path} can't be written on: {error.strerror}",
                "make room on the disk; everything recorded so far is whole",
            ) from error
        self.size += len(data)


def mend_bag(path: str | Path) -> int:
    """Close a file that its writer could not close; a file that is whole stays as it is.

    Returns:
        Bytes of a torn record that were cut off.

    Raises:
        RobotError: It is no MCAP file, or can't be changed.
    """
    path = Path(path)
    try:
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            if file.read(len(MAGIC)) != MAGIC:
                raise RobotError(f"{path} is no MCAP file", "give a file that a recorder wrote")
            whole = at = len(MAGIC)
            closing = False
            while len(start := file.read(9)) == 9:
                kind, length = struct.unpack("<BQ", start)
                after = at + 9 + length
                if kind == _FOOTER and after + len(MAGIC) == size:
                    return 0
                if kind in (0, _FOOTER) or after > size:
                    break
                # The closing records are written anew, whatever of them is there.
                closing = closing or kind == _DATA_END
                at = file.seek(length, os.SEEK_CUR)
                whole = whole if closing else at
            file.truncate(whole)
            file.seek(whole)
            file.write(_ending())
            file.flush()
            os.fsync(file.fileno())
            return size - whole
    except OSError as error:
        raise RobotError(f"the bag {path} can't be mended: {error.strerror}") from error


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<BQ", kind, len(content)) + content


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<I", len(encoded)) + encoded


def _ending() -> bytes:
    """End of the data without a checksum, and a footer that says that there is no summary."""
    return _record(_DATA_END, bytes(4)) + _record(_FOOTER, bytes(20)) + MAGIC
