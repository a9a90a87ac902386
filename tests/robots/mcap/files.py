"""MCAP files for tests: chunks as other writers make them, and what a file holds."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import lz4.frame
from rosbags.rosbag2 import Reader

from crl_robots.mcap import records
from crl_robots.recordings.recorder import Recorder, definitions
from crl_robots.recordings.ros_messages import ODOMETRY, TWIST_STAMPED
from tests.robots.test_bags import START, a_reading, command, odometry

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Message = tuple[str, str, int, bytes]
"""Topic, type, time (ns) and data."""
WAYS: dict[str, Callable[[bytes], bytes]] = {"": bytes, "lz4": lz4.frame.compress, "zstd": zstd.compress}
_QOS = """- history: 3
  depth: 0
  reliability: 1
  durability: 2
  deadline: {sec: 9223372036, nsec: 854775807}
  lifespan: {sec: 9223372036, nsec: 854775807}
  liveliness: 1
  liveliness_lease_duration: {sec: 9223372036, nsec: 854775807}
  avoid_ros_namespace_conventions: false
"""


def drive(steps: int) -> list[Message]:
    """Odometry and a command in turn."""
    made: list[Message] = []
    for number in range(1, steps + 1):
        time = START + number * 10**8
        made.append(("/ugv1/odom", ODOMETRY, time, odometry(a_reading(number), time)))
        made.append(("/ugv1/cmd_vel", TWIST_STAMPED, time + 5, command([0.1 * number, 0.0], time)))
    return made


def recorded(folder: Path, messages: Sequence[Message]) -> Path:
    """A file of this package's recorder."""
    recorder = Recorder(folder, "drive", definitions())
    for topic, kind, time, data in messages:
        recorder.record(topic, kind, data, time)
    recorder.close()
    return folder / "drive_0000.mcap"


def chunked(path: Path, messages: Sequence[Message], way: str, each: int = 20, more: bytes = b"") -> Path:
    """A file of chunks of ``each`` messages with checksums, an index and statistics, as rosbag2 writes them."""
    text = definitions()
    numbers = {topic: number for number, topic in enumerate(dict.fromkeys(m[0] for m in messages), 1)}
    kinds = {topic: kind for topic, kind, *_ in messages}
    qos = records.text("offered_qos_profiles") + records.text(_QOS)
    definition = b"".join(
        records.schema(number, kinds[topic], "ros2msg", text(kinds[topic]).encode())
        + records.channel(number, number, topic, "cdr", qos)
        for topic, number in numbers.items()
    )
    made = bytearray(
        records.MAGIC + records.record(records.HEADER, records.text("ros2") + records.text("another")) + more
    )
    index = b""
    for at in range(0, len(messages), each):
        body, places = (definition if at == 0 else b""), dict[int, list[tuple[int, int]]]()
        for topic, _, time, data in messages[at : at + each]:
            places.setdefault(numbers[topic], []).append((time, len(body)))
            body += records.message(numbers[topic], 0, time, time, data)
        times = messages[at][2], messages[at : at + each][-1][2]
        packed, start = WAYS[way](body), len(made)
        head = struct.pack("<QQQI", *times, len(body), crc32(body)) + records.text(way)
        made += records.record(records.CHUNK, head + struct.pack("<Q", len(packed)) + packed)
        length, offsets = len(made) - start, b""
        for number, rows in places.items():
            offsets += struct.pack("<HQ", number, len(made))
            entries = b"".join(struct.pack("<QQ", *row) for row in rows)
            made += records.record(0x07, struct.pack("<H", number) + records.block(entries))
        content = struct.pack("<QQQQ", *times, start, length) + records.block(offsets)
        content += struct.pack("<Q", len(made) - start - length) + records.text(way)
        index += records.record(0x08, content + struct.pack("<QQ", len(packed), len(body)))
    made += records.record(records.DATA_END, struct.pack("<I", crc32(made)))
    start, count = len(made), len(numbers)
    counts = [struct.pack("<HQ", n, sum(m[0] == topic for m in messages)) for topic, n in numbers.items()]
    chunks = -(-len(messages) // each)
    told = struct.pack("<QHIIIIQQ", len(messages), count, count, 0, 0, chunks, messages[0][2], messages[-1][2])
    made += definition + index + records.record(records.STATISTICS, told + records.block(b"".join(counts)))
    made += records.record(records.FOOTER, struct.pack("<QQI", start, 0, 0)) + records.MAGIC
    path.write_bytes(made)
    return path


def content(path: Path) -> list[Message]:
    """What a file holds, as rosbags reads it."""
    with Reader(path) as reader:
        return [(where.topic, where.msgtype, time, bytes(data)) for where, time, data in reader.messages()]
