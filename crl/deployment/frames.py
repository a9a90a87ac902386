"""What is sent to the learner: frames of one fixed size, plain numbers, over a socket that keeps them apart.

A frame is a head (kind, flag, sequence, mission) and ``size`` float32, little-endian. The sender never waits: what the
socket does not take is kept, and when that grows too long, the oldest goes. A receiver sees from the sequence numbers
that something is missing.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ADD, ALARM, BEGIN, PAUSE = 1, 2, 3, 4
"""A transition (flag: it waits for an alarm), an alarm, a mission's begin, a pause (flag: 1 on, 0 off)."""
HEAD = struct.Struct("<IIQQ")
KEPT = 2000
"""Frames that are kept while the socket takes none."""


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        kind: ``ADD``, ``ALARM``, ``BEGIN`` or ``PAUSE``.
        flag: What it means depends on the kind.
        sequence: Counts frames, from 1.
        mission: Number of the mission.
        values: float32 [N]; zeros where the kind has none.
    """

    kind: int
    flag: int
    sequence: int
    mission: int
    values: NDArray[np.float32]


def pack(frame: Frame) -> bytes:
    """A frame as bytes."""
    return HEAD.pack(frame.kind, frame.flag, frame.sequence, frame.mission) + frame.values.astype("<f4").tobytes()


def unpack(data: bytes, size: int) -> Frame | None:
    """A frame from bytes; ``None`` if it is of another length or kind, or not finite."""
    if len(data) != HEAD.size + 4 * size:
        return None
    kind, flag, sequence, mission = HEAD.unpack_from(data)
    values = np.frombuffer(data, dtype="<f4", offset=HEAD.size).astype(np.float32)
    if kind not in (ADD, ALARM, BEGIN, PAUSE) or not np.isfinite(values).all():
        return None
    return Frame(kind, flag, sequence, mission, values)


class FrameSender:
    """Sends frames and never waits.

    Args:
        end: A connected socket with message boundaries; it is made non-blocking.
        size: Numbers per frame.
        kept: Frames that are kept while the socket takes none.
    """

    def __init__(self, end: socket.socket, size: int, kept: int = KEPT) -> None:
        self._end, self._size = end, size
        end.setblocking(False)
        self._waiting: deque[bytes] = deque()
        self._kept = kept
        self._sequence = 0
        self.dropped = 0
        """Frames that were given up because the receiver did not keep up."""
        self.gone = False
        """Whether the receiver is gone."""

    def send(self, kind: int, mission: int, values: Sequence[float] | NDArray[np.float32] = (), flag: int = 0) -> None:
        """Send a frame, or keep it for later."""
        if self.gone:
            return
        self._sequence += 1
        filled = np.zeros(self._size, dtype=np.float32)
        filled[: len(values)] = values
        self._waiting.append(pack(Frame(kind, flag, self._sequence, mission, filled)))
        self.flush()
        while len(self._waiting) > self._kept:
            self._waiting.popleft()
            self.dropped += 1

    def flush(self) -> None:
        """Send what is kept, as far as the socket takes it."""
        try:
            while self._waiting:
                self._end.send(self._waiting[0])
                self._waiting.popleft()
        except BlockingIOError:
            return
        except OSError:  # a broken pipe, for instance
            self.gone = True
            self._waiting.clear()
