"""Going through the records of a file that may be damaged anywhere, and finding the next one that holds together.

A record holds together if its parts fill it exactly (:func:`~crl_robots.mcap.records.parse`) and, for a message, if a
judge does not object. Where one does not, a single bit that makes it hold together again is looked for; else the next
record that does. A chunk that is not compressed is passed through as if its records stood in the file themselves.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crl_robots.mcap.chunks import COMPRESSED
from crl_robots.mcap.records import (
    CHANNEL,
    CHUNK,
    HEADER,
    LEAST,
    MAGIC,
    MESSAGE,
    SCHEMA,
    START,
    Bytes,
    Record,
    parse,
)

Judge = Callable[[Record, Bytes], bool | None]
"""Whether a message is one: yes, no, or not to be told."""
_BEGINNING = re.compile(rb"[\x01-\x0f][\s\S]{4}\x00{4}|" + re.escape(MAGIC))
_WINDOW = 2**20
_REPAIRS = 1000
"""Most places at which a flipped bit is looked for: a file with more damage than that is not of single bits."""
_INSIDE = {HEADER: 128, SCHEMA: 128, CHANNEL: 512, CHUNK: 64, MESSAGE: 2}
"""Bytes of the content of a kind in which a flipped bit is looked for: where its lengths and numbers are."""
_LONGEST = 2**32
"""Length from which a record that reaches beyond the end of the data is not believed."""


@dataclass(frozen=True)
class Gap:
    """Bytes that are of no record that holds together.

    Attributes:
        start: Where they begin.
        end: Where the next record begins, or the data end.
    """

    start: int
    end: int


@dataclass(frozen=True)
class Repaired(Record):
    """A record in which one bit was turned back."""


def scan(data: Bytes, judge: Judge, at: int = 0) -> Iterator[Record | Gap]:
    """All records from a place on, and the gaps between them.

    Args:
        data: A file, or the content of a chunk.
        judge: Says whether a message is one.
        at: Where the first record begins.
    """
    repairs = 0
    while at < data.size:
        if data.read(at, min(at + len(MAGIC), data.size)) == MAGIC:
            at += len(MAGIC)
            continue
        found = _sound(data, at, judge)
        if found is None or not _likely(data, _next(found, data)):
            repairs += 1
            found = _at_damage(data, at, judge, found, repairs <= _REPAIRS)
        if found is None:
            then = _resume(data, at + 1, judge)
            yield Gap(at, then)
            at = then
        else:
            yield found
            at = _next(found, data)


def _at_damage(data: Bytes, at: int, judge: Judge, found: Record | None, repair: bool) -> Record | None:
    """The record at a place where it, or what follows it, is damaged."""
    whole = found
    if found is None:
        # It can't be told whether this is a message.
        record = parse(data, at)
        whole = record if record is not None and record.kind == MESSAGE and judge(record, data) is None else None
    then = data.size if whole is None else _next(whole, data)
    if repair and then < data.size and _repaired(data, then, judge) is not None:
        # What follows becomes a record by one bit, so that is where the damage is.
        return whole
    repaired = _repaired(data, at, judge) if repair else None
    if repaired is None and found is not None and _resume(data, at + 1, judge) < found.end:
        # It reaches into the next record.
        return None
    return repaired or found


def is_compressed(chunk: Record, data: Bytes) -> bool:
    """Whether the records of a chunk are compressed."""
    start, end = chunk.fields[5]
    return chunk.fields[4] != "" or COMPRESSED.match(data.read(start, min(start + 4, end))) is not None


def _next(record: Record, data: Bytes) -> int:
    """Where to go on after a record: a chunk's records follow its beginning."""
    if record.kind == CHUNK and not is_compressed(record, data):
        return int(record.fields[5][0])
    return record.end


def _sound(data: Bytes, at: int, judge: Judge) -> Record | None:
    """The record at a place, if it holds together."""
    record = parse(data, at)
    if record is None or record.kind != MESSAGE:
        return record
    verdict = judge(record, data)
    if verdict is None:
        verdict = _likely(data, record.end)
    return record if verdict else None


def _likely(data: Bytes, at: int) -> bool:
    """Whether a record may begin here, as far as its first bytes tell; a torn one at the end of the data, too."""
    head = data.read(at, min(at + START, data.size))
    if len(head) < START:
        return not head or head[0] in LEAST or MAGIC.startswith(head) or head == MAGIC
    kind, length = struct.unpack("<BQ", head)
    if head.startswith(MAGIC):
        return True
    return kind in LEAST and LEAST[kind] <= length < _LONGEST


def _repaired(data: Bytes, at: int, judge: Judge) -> Record | None:
    """The record at a place with the one bit turned back that makes it hold together, if there is one such bit."""
    kind = data.read(at, at + 1)[0]
    size = START + _INSIDE.get(kind, 0)
    sure, unsure = list[Record](), list[Record]()
    for bit in range(8 * min(size, data.size - at)):
        record = _sound(flipped := data.flipped(8 * at + bit), at, judge)
        if record is not None and _likely(data, _next(record, flipped)):
            told = record.kind != MESSAGE or judge(record, flipped)
            (sure if told else unsure).append(record)
    found = sure or unsure
    return Repaired(**vars(found[0])) if len(found) == 1 else None


def _resume(data: Bytes, at: int, judge: Judge) -> int:
    """Where the next record begins that holds together; the end of the data if there is none."""
    while at < data.size:
        window = data.read(at, min(at + _WINDOW, data.size))
        place = -1
        while (match := _BEGINNING.search(window, place + 1)) is not None:
            place = match.start()
            if _trusted(data, at + place, judge):
                return at + place
        if at + len(window) == data.size:
            break
        at += len(window) - START + 1
    return data.size


def _trusted(data: Bytes, at: int, judge: Judge) -> bool:
    """Whether a record begins here, in the midst of anything."""
    if data.read(at, min(at + len(MAGIC), data.size)) == MAGIC:
        return True
    record = _sound(data, at, judge)
    if record is None:
        return False
    # Small records are easily found in anything, so another one must follow.
    return record.kind in (SCHEMA, CHANNEL) or _likely(data, _next(record, data))
