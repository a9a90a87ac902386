"""The messages of a damaged MCAP file: where they are, and what is missing."""

from __future__ import annotations

from array import array
from collections import Counter
from functools import lru_cache
from zlib import crc32

import numpy as np

from crl_robots.mcap import records
from crl_robots.mcap.chunks import torn, unpack
from crl_robots.mcap.records import (
    ATTACHMENT,
    CHUNK,
    DATA_END,
    FOOTER,
    MAGIC,
    MESSAGE,
    METADATA,
    STATISTICS,
    Bytes,
    Record,
)
from crl_robots.mcap.scan import Gap, Repaired, is_compressed, scan
from crl_robots.mcap.topics import Topics
from crl_robots.mcap.writer import RecordFile

_BLOCK = 2**18
_COLUMNS = 7
_LATEST = 2**63 - 1
"""Time (ns) from which a reader passes messages over."""


class Found:
    """All messages of a file that are whole, by their places.

    Args:
        data: The file.
        topics: Its topics.
    """

    def __init__(self, data: Bytes, topics: Topics) -> None:
        self._data, self.topics = data, topics
        # Of each message: time, part, start and end of its data, channel, sequence, time of publication. A part is a
        # compressed stretch of the file; 0 is the file itself.
        self._columns = [array("Q") for _ in range(_COLUMNS)]
        self._parts: list[tuple[int, int, str]] = [(0, data.size, "")]
        self._others: list[bytes] = []
        self._counts: Counter[int] = Counter()
        self._sequences: dict[int, tuple[int, int]] = {}
        self._time = self._longest = 0
        self.gaps: list[tuple[int, int]] = []
        """Place and number of the bytes that could not be used; of a compressed chunk, the chunk's place."""
        self.stated: int | None = None
        """Messages that there were, if the file says so."""
        self.repaired = 0
        """Records in which one bit was turned back."""
        self.mismatches = 0
        """Checksums that don't fit."""
        self.cut: int | None = None
        """Place from which all is lost up to an end that is whole."""
        last: Gap | None = None
        for item in scan(data, topics.judge, len(MAGIC)):
            if isinstance(item, Gap):
                self._take_gap(item)
                last = item
                continue
            self._take(item)
            hidden = last is not None and last.end == item.start and last.end - last.start > self._longest
            if item.kind == FOOTER and hidden and last is not None and data.read(item.end, data.size) == MAGIC:
                self.cut = last.start

    @property
    def messages(self) -> int:
        """How many there are."""
        return len(self._columns[0])

    @property
    def lost(self) -> int | None:
        """Messages that are lost, as far as their numbers tell; those after the last one have none."""
        if self.stated is not None:
            return max(self.stated - self.messages, 0)
        # This package's recorder counts from 1; others don't count at all.
        spans = {number: (1 if self.topics.own else least, most) for number, (least, most) in self._sequences.items()}
        missing = [most - least + 1 - self._counts[number] for number, (least, most) in spans.items()]
        return sum(missing) if all(count >= 0 for count in missing) else None

    def _take(self, record: Record) -> None:
        self.repaired += isinstance(record, Repaired)
        self._longest = max(self._longest, record.end - record.start)
        if record.kind == MESSAGE:
            self._take_message(record, 0)
        elif record.kind == CHUNK:
            self._take_chunk(record)
        elif record.kind == ATTACHMENT or (record.kind == METADATA and record.fields[0] != "rosbag2"):
            content = self._data.read(record.start + records.START, record.end)
            self._others.append(records.record(record.kind, content))
            self.mismatches += record.kind == ATTACHMENT and record.fields[-1] not in (0, crc32(content[:-4]))
        elif record.kind == STATISTICS:
            self.stated = record.fields[0]
        elif record.kind == DATA_END and record.fields[0]:
            self.mismatches += self._checksum(0, record.start) != record.fields[0]

    def _take_message(self, message: Record, part: int) -> None:
        number, sequence, logged, published, (start, end) = message.fields
        # One bit of the time may be wrong, too, and would move the message to another place.
        if (logged ^ published).bit_count() == 1 and abs(published - self._time) < abs(logged - self._time):
            logged = published
        if logged >= _LATEST:
            logged = self._time
        self._time = logged
        for column, value in zip(self._columns, (logged, part, start, end, number, sequence, published), strict=True):
            column.append(value)
        self._counts[number] += 1
        least, most = self._sequences.get(number, (sequence, sequence))
        self._sequences[number] = min(least, sequence), max(most, sequence)

    def _take_chunk(self, chunk: Record) -> None:
        *_, checksum, way, (start, end) = chunk.fields
        if not is_compressed(chunk, self._data):
            self.mismatches += bool(checksum) and self._checksum(start, end) != checksum
            return
        content, unused = unpack(self._data.read(start, end), way)
        self.mismatches += not unused and bool(checksum) and crc32(content) != checksum
        self._take_part(start, end, way, content, chunk.start, cut=unused > 0)
        if unused:
            self.gaps.append((chunk.start, unused))

    def _take_gap(self, gap: Gap) -> None:
        """What can be had of compressed data whose chunk does not hold together; the rest is lost."""
        lost = gap.end - gap.start
        for start, end, content in torn(self._data, gap.start, gap.end):
            before = self.messages
            self._take_part(start, end, "", content, gap.start, cut=True)
            lost -= end - start if self.messages > before else 0
        if lost:
            self.gaps.append((gap.start, lost))

    def _take_part(self, start: int, end: int, way: str, content: bytes, place: int, cut: bool) -> None:
        """Take the messages in a compressed stretch of the file, of which all or only the beginning came out."""
        self._parts.append((start, end, way))
        for item in scan(Bytes.of(content), self.topics.judge):
            if isinstance(item, Gap):
                # A record at the end of what came out is torn because the rest did not come.
                if not cut or item.end < len(content):
                    self.gaps.append((place, item.end - item.start))
            elif item.kind == MESSAGE:
                self.repaired += isinstance(item, Repaired)
                self._take_message(item, len(self._parts) - 1)

    def write(self, file: RecordFile) -> None:
        """Write everything down, messages in order of time."""
        for other in self._others:
            file.put(other)
        columns = [np.frombuffer(column, dtype=np.uint64) for column in self._columns]
        defined: set[int] = set()
        content = lru_cache(maxsize=4)(self._content)
        for index in np.argsort(columns[0], kind="stable"):
            logged, part, start, end, number, sequence, published = (int(column[index]) for column in columns)
            if number not in defined:
                defined.add(number)
                file.put(self.topics.definition(number))
            file.put(records.message(number, sequence, logged, published, content(part).read(start, end)))

    def _content(self, part: int) -> Bytes:
        if part == 0:
            return self._data
        start, end, way = self._parts[part]
        return Bytes.of(unpack(self._data.read(start, end), way)[0])

    def _checksum(self, start: int, end: int) -> int:
        made = 0
        for at in range(start, end, _BLOCK):
            made = crc32(self._data.read(at, min(at + _BLOCK, end)), made)
        return made
