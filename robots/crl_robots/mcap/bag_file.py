"""MCAP files that survive the death of their writer.

These files hold their messages one by one, not in compressed chunks, so that each is whole as soon as it is written.
What a killed writer leaves lacks only the closing records: :func:`crl_robots.mcap.salvage.salvage_bag` makes a whole
file of it.
"""

from __future__ import annotations

from pathlib import Path

from crl_robots.errors import RobotError
from crl_robots.mcap import records
from crl_robots.mcap.writer import RecordFile


class BagFile(RecordFile):
    """One bag of a recorder, see :class:`~crl_robots.mcap.writer.RecordFile`.

    Args:
        path: File to make; it must not exist.

    Raises:
        RobotError: The file can't be made.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._channels: dict[str, tuple[int, str]] = {}
        self._sequences: dict[int, int] = {}
        self._last = 0

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
            self.put(
                records.schema(number, kind, "ros2msg", definition.encode())
                + records.channel(number, number, topic, "cdr")
            )
            self._channels[topic] = known = (number, kind)
        number = known[0]
        sequence = self._sequences.get(number, 0) + 1
        self._last = max(self._last, time)
        self.put(records.message(number, sequence, self._last, time, data))
        self._sequences[number] = sequence
