"""What a damaged file says about its types and topics, and whether a message is of the type of its topic.

Types are read by ``rosbags``, as every reader of the salvaged file does; needs the extra ``bags``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from functools import lru_cache
from typing import Any
from zlib import crc32

from crl_robots.mcap import records
from crl_robots.mcap.chunks import torn, unpack
from crl_robots.mcap.records import CHANNEL, CHUNK, HEADER, MESSAGE, SCHEMA, Bytes, Record, parse
from crl_robots.mcap.scan import Gap, is_compressed, scan
from crl_robots.recordings.bags import typestore

_ROS = ("ros2msg", "ros2idl", "omgidl")
_OTHERS = ("", "ros1msg", "protobuf", "flatbuffer", "jsonschema")


@dataclass(frozen=True)
class Schema:
    """A type: its name, the language of its definition, and the definition."""

    name: str
    encoding: str
    definition: bytes

    def fits(self, data: bytes) -> bool | None:
        """Whether data are one message of the type, no more and no less; ``None``: can't be told."""
        reader = _reader(self)
        return None if reader is None else reader(data)

    @property
    def readable(self) -> Schema:
        """The type as a reader takes it; that of ROS 2 itself, or no definition, where this one is damaged."""
        return _readable(self)


@dataclass
class Topic:
    """A channel.

    Attributes:
        name: The topic.
        encoding: That of its messages.
        metadata: Further texts about it, as they stand in the file.
        schemas: The types that it may have, the one that it names first; only one that fits is left.
    """

    name: str
    encoding: str
    metadata: bytes
    schemas: list[Schema]

    def fits(self, data: bytes) -> bool | None:
        """Whether data are a message of this topic; ``None``: can't be told."""
        if self.encoding != "cdr" or not self.schemas:
            return None
        verdicts = [schema.fits(data) for schema in self.schemas]
        if verdicts[0] is not False or len(self.schemas) == 1:
            self.schemas = self.schemas[:1]
            return verdicts[0]
        # The number of the type is what is damaged if one other type fits.
        right = [schema for schema, fits in zip(self.schemas, verdicts, strict=True) if fits]
        if len(right) == 1:
            self.schemas = right
        return len(right) == 1


@dataclass
class Topics:
    """The channels of a file by their numbers.

    Attributes:
        profile: Profile of the file.
        own: Whether a recorder of this package wrote it.
        known: The channels.
    """

    profile: str = "ros2"
    own: bool = False
    known: dict[int, Topic] = field(default_factory=dict)

    @classmethod
    def find(cls, data: Bytes, at: int) -> Topics:
        """What all records of a file say, wherever they are; where they differ, what most of them say."""
        made = cls()
        schemas: Counter[tuple[int, Schema]] = Counter()
        channels: Counter[tuple[int, int, str, str, bytes]] = Counter()
        for part, record, then, votes in _definitions(data, at):
            if record.kind == HEADER:
                profile, library = record.fields
                made.profile = "ros2" if profile != "ros1" and _differ_once(profile, "ros2") else profile
                made.own = library == records.LIBRARY
            elif record.kind == SCHEMA:
                number, name, encoding, place = record.fields
                schemas[number, Schema(name, encoding, part.read(*place))] += votes
            else:
                number, kind, name, encoding, place = record.fields
                # This package's recorder puts a channel right before its first message.
                if made.own and then is not None and then.kind == MESSAGE and then.start == record.end:
                    number = then.fields[0]
                channels[number, kind, name, encoding, part.read(*place)] += votes
        for (number, kind, name, encoding, metadata), _ in channels.most_common():
            known = made.known.get(number)
            if known is not None:
                known.metadata = known.metadata or (metadata if _is_readable(metadata) else b"")
            else:
                metadata = metadata if _is_readable(metadata) else b""
                named = [schema for (one, schema), _ in schemas.most_common() if one == kind]
                others = [schema for (one, schema), _ in schemas.most_common() if one != kind]
                made.known[number] = Topic(name, encoding, metadata, [*named, *others] if kind or named else [])
        return made

    def definition(self, number: int) -> bytes:
        """The records of a channel and of its type, which gets the same number."""
        topic = self.known[number]
        channel = records.channel(number, number if topic.schemas else 0, topic.name, topic.encoding, topic.metadata)
        if not topic.schemas:
            return channel
        schema = topic.schemas[0].readable
        return records.schema(number, schema.name, schema.encoding, schema.definition) + channel

    def judge(self, record: Record, data: Bytes) -> bool | None:
        """Whether a message is of a channel that is known, and of its type."""
        topic = self.known.get(record.fields[0])
        return False if topic is None else topic.fits(data.read(*record.fields[4]))


def _definitions(data: Bytes, at: int, votes: int = 2) -> Iterator[tuple[Bytes, Record, Record | None, int]]:
    """Records that define something, the record that follows each, and their votes: one if a checksum is wrong.

    Messages are looked at from outside only.
    """
    last: Record | None = None
    until = 0
    for record in scan(data, lambda record, data: None, at):
        if isinstance(record, Gap):
            for _, _, content in torn(data, record.start, record.end):
                yield from _definitions(Bytes.of(content), 0, 1)
            continue
        if record.kind == MESSAGE:
            # A message may be a channel with a flipped bit in its kind.
            channel = parse(data.flipped(8 * record.start), record.start)
            record = record if channel is None else channel
        if last is not None:
            yield data, last, record, 1 if last.end <= until else votes
        last = record if record.kind in (HEADER, SCHEMA, CHANNEL) else None
        if record.kind == CHUNK:
            *_, checksum, way, (start, end) = record.fields
            if is_compressed(record, data):
                content, unused = unpack(data.read(start, end), way)
                wrong = unused or (checksum and crc32(content) != checksum)
                yield from _definitions(Bytes.of(content), 0, 1 if wrong else votes)
            elif checksum and crc32(data.read(start, end)) != checksum:
                until = end
    if last is not None:
        yield data, last, None, 1 if last.end <= until else votes


@lru_cache(maxsize=64)
def _readable(schema: Schema) -> Schema:
    store = typestore()
    for name in store.fielddefs:
        if name == schema.name or _differ_once(name, schema.name):
            own = Schema(name, "ros2msg", store.generate_msgdef(name, ros_version=2)[0].encode())
            changed = [(a, b) for a, b in zip(astuple(own), astuple(schema), strict=True) if a != b]
            # One character is another one: that was a flipped bit.
            if len(changed) <= 1 and all(_differ_once(a, b) for a, b in changed):
                return own
    if schema.encoding in _OTHERS or (schema.encoding in _ROS and _parsed(schema) is not None):
        return schema
    if schema.name in store.fielddefs:
        return Schema(schema.name, "ros2msg", store.generate_msgdef(schema.name, ros_version=2)[0].encode())
    return Schema(schema.name, "", b"")


def _differ_once(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


@lru_cache(maxsize=64)
def _parsed(schema: Schema) -> Any:
    """The store of a type and those that it uses; ``None`` if its definition can't be read."""
    from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

    store = get_typestore(Stores.EMPTY)
    try:
        definition = schema.definition.decode()
        if schema.encoding == "ros2msg":
            types = get_types_from_msg(definition, schema.name)
        else:
            parts = definition.split("=" * 80 + "\n")
            idl = [part.partition("\n")[2] for part in parts[1:]] or parts
            types = {name: one for part in idl for name, one in get_types_from_idl(part).items()}
        store.register(types)
        return store if schema.name in store.fielddefs else None
    except Exception:  # a damaged definition may do anything to the parser
        return None


@lru_cache(maxsize=64)
def _is_readable(metadata: bytes) -> bool:
    """Whether a reader takes what is said about a channel."""
    from rosbags.rosbag2.storage_mcap import get_qos

    try:
        get_qos(metadata)
    except Exception:  # damaged YAML may be anything
        return False
    return True


@lru_cache(maxsize=64)
def _reader(schema: Schema) -> Callable[[bytes], bool] | None:
    readable = schema.readable
    store = _parsed(readable) if readable.encoding in _ROS else None
    if store is None:
        return None

    def fits(data: bytes) -> bool:
        try:
            store.deserialize_cdr(data, readable.name)
        except Exception:  # damaged data may do anything to it, too
            return False
        return True

    return fits
