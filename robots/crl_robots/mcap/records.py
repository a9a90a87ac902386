"""The records of an MCAP file (https://mcap.dev/spec): how they are written, and whether one holds together."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
ATTACHMENT, STATISTICS, METADATA, DATA_END = 0x09, 0x0B, 0x0C, 0x0F
START = 9
"""Bytes before a record's content: its kind (1) and its length (8)."""
STAMP = 22
"""Bytes before a message's data: channel (2), sequence (4), times of log and of publication (8 each)."""
# Of each kind: integers as in `struct`, t a text, b bytes with a length of 4, l bytes with a length of 8, and m, n, o
# bytes with a length of 4 that is a multiple of 1 (texts in pairs), 16 and 10.
_LAYOUTS = {
    HEADER: "tt",
    FOOTER: "QQI",
    SCHEMA: "Httb",
    CHANNEL: "HHttm",
    MESSAGE: "HIQQ",  # and the data
    CHUNK: "QQQItl",
    0x07: "Hn",  # message index
    0x08: "QQQQoQtQQ",  # chunk index
    ATTACHMENT: "QQttlI",
    0x0A: "QQQQQtt",  # attachment index
    STATISTICS: "QHIIIIQQo",
    METADATA: "tm",
    0x0D: "QQt",  # metadata index
    0x0E: "BQQ",  # summary offset
    DATA_END: "I",
}
LEAST = {
    kind: sum(struct.calcsize(f"<{'Q' if letter == 'l' else letter if letter in 'BHIQ' else 'I'}") for letter in layout)
    for kind, layout in _LAYOUTS.items()
}
"""Least length of the content of each kind of record."""
_LONGEST_TEXT = 2**24
_STAMP = struct.Struct("<HIQQ")
_UNIT = {"m": 1, "n": 16, "o": 10}


class Bytes:
    """Bytes that need not be in memory.

    Args:
        size: How many there are.
        read: Gives those from a place to before another; both lie inside.
    """

    def __init__(self, size: int, read: Callable[[int, int], bytes]) -> None:
        self.size = size
        self.read = read

    @classmethod
    def of(cls, data: bytes) -> Bytes:
        """Bytes that are in memory."""
        return cls(len(data), lambda start, end: data[start:end])

    def flipped(self, bit: int) -> Bytes:
        """The same with one bit the other way."""
        place, mask = divmod(bit, 8)

        def read(start: int, end: int) -> bytes:
            data = self.read(start, end)
            if not start <= place < end:
                return data
            return b"".join(
                [data[: place - start], bytes([data[place - start] ^ (1 << mask)]), data[place - start + 1 :]]
            )

        return Bytes(self.size, read)


@dataclass(frozen=True)
class Record:
    """A record that holds together.

    Attributes:
        kind: Its opcode.
        start: Where it begins.
        end: Where the next one begins.
        fields: Its numbers and texts; of longer parts, where they begin and end.
    """

    kind: int
    start: int
    end: int
    fields: tuple[Any, ...]


class _Broken(Exception):
    """A record does not hold together."""


def parse(data: Bytes, at: int) -> Record | None:
    """The record at a place; ``None`` if its parts don't fill it exactly, or it is of no kind that there is."""
    head = data.read(at, min(at + START + STAMP, data.size))
    if len(head) < START:
        return None
    kind, length = struct.unpack_from("<BQ", head)
    place, end = at + START, at + START + length
    if kind not in _LAYOUTS or end > data.size:
        return None
    if kind == MESSAGE:  # by far the most, so it has a short way
        data_at = place + STAMP
        return Record(kind, at, end, (*_STAMP.unpack_from(head, START), (data_at, end))) if data_at <= end else None
    found = list[Any]()
    try:
        for letter in _LAYOUTS[kind]:
            value, place = _part(data, letter, place, end)
            found.append(value)
    except (_Broken, UnicodeDecodeError):
        return None
    return Record(kind, at, end, tuple(found)) if place == end else None


def _part(data: Bytes, letter: str, place: int, end: int) -> tuple[Any, int]:
    if letter in "BHIQ":
        return _number(data, letter, place, end)
    length, place = _number(data, "Q" if letter == "l" else "I", place, end)
    after = place + length
    if after > end or length % _UNIT.get(letter, 1) or (letter == "t" and length > _LONGEST_TEXT):
        raise _Broken
    if letter == "t":
        return data.read(place, after).decode(), after
    if letter == "m":
        inner = place
        while inner < after:
            _, inner = _part(data, "t", inner, after)
            _, inner = _part(data, "t", inner, after)
    return (place, after), after


def _number(data: Bytes, letter: str, place: int, end: int) -> tuple[int, int]:
    after = place + struct.calcsize(f"<{letter}")
    if after > end:
        raise _Broken
    return struct.unpack(f"<{letter}", data.read(place, after))[0], after


def record(kind: int, content: bytes) -> bytes:
    """A record as it stands in a file."""
    return struct.pack("<BQ", kind, len(content)) + content


def text(value: str) -> bytes:
    """A text inside a record."""
    return block(value.encode())


def block(value: bytes) -> bytes:
    """Bytes with their length inside a record."""
    return struct.pack("<I", len(value)) + value


def header(profile: str) -> bytes:
    """Beginning of a file of this package."""
    return MAGIC + record(HEADER, text(profile) + text(LIBRARY))


def schema(number: int, name: str, encoding: str, definition: bytes) -> bytes:
    """The record of a type."""
    return record(SCHEMA, struct.pack("<H", number) + text(name) + text(encoding) + block(definition))


def channel(number: int, kind: int, topic: str, encoding: str, metadata: bytes = b"") -> bytes:
    """The record of a topic whose type has the number ``kind``."""
    content = struct.pack("<HH", number, kind) + text(topic) + text(encoding) + block(metadata)
    return record(CHANNEL, content)


def message(number: int, sequence: int, logged: int, published: int, data: bytes) -> bytes:
    """The record of a message of a channel; times in ns since 1970."""
    return record(MESSAGE, _STAMP.pack(number, sequence % 2**32, logged, published) + data)


LIBRARY = "crl"
"""Name of the writer in a file's header."""
ENDING = record(DATA_END, bytes(4)) + record(FOOTER, bytes(20)) + MAGIC
"""End of the data without a checksum, and a footer that says that there is no summary."""
