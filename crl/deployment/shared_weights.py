"""Weights in shared memory: one process writes, one reads, and neither ever waits for the other.

Two slots are written in turn, so that the newest whole weights stay untouched while the next are written. A slot's
record (version, mission, steps, loss, checksum) is cleared before its weights change and written after them, and the
checksum covers both: a reader takes what is whole, or keeps what it has. A writer that is killed at any instant leaves
the other slot, with the last good weights, as it was.

The memory has no name (``memfd_create``, Linux): a child process inherits its descriptor, and it is gone with the last
process that has it. Its size is sealed, so that a broken writer can't take it away from under the reader.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crl.errors import CrlError

MAGIC = b"crlw\x01\x00\x00\x00"
_RECORD = struct.Struct("<QQQdII")
"""Version, mission, steps, loss, number of weights, checksum."""
_SLOT = 64
"""Bytes of a slot before its weights."""
_HEAD = 128
"""Bytes before the first slot: magic, and the writer's counters."""
COUNTERS = ("steps", "frames", "lost", "refused", "unusable")
"""What the writer counts: gradient steps, frames received and lost, weights refused, frames it could not use."""


class SharedWeightsError(CrlError):
    """The memory can't be made, or is not what it should be."""


@dataclass(frozen=True)
class Published:
    """Weights that were published.

    Attributes:
        version: Counts publications, from 1.
        mission: The mission that they were learned in.
        steps: Gradient steps of that mission.
        loss: Of the last step.
        weights: A copy, float32 [P].
    """

    version: int
    mission: int
    steps: int
    loss: float
    weights: NDArray[np.float32]


class SharedWeights:
    """One vector of weights, double-buffered.

    Args:
        descriptor: Of the memory; it stays the caller's to close.
        size: Number P of weights.

    Raises:
        SharedWeightsError: The memory is of another size or kind.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self.size = size
        self._bytes = 4 * size
        total = _total(size)
        if os.fstat(descriptor).st_size != total:
            raise SharedWeightsError(f"the shared memory has {os.fstat(descriptor).st_size} bytes instead of {total}")
        self._memory = mmap.mmap(descriptor, total)
        if self._memory[: len(MAGIC)] != MAGIC:
            raise SharedWeightsError("the shared memory holds no weights of this version of crl")

    @classmethod
    def create(cls, size: int) -> tuple[SharedWeights, int]:
        """New shared memory without weights, and its descriptor, which is the caller's to close.

        Args:
            size: Number P of weights, at least 1.

        Raises:
            SharedWeightsError: There is no memory for it.
        """
        if size < 1:
            raise ValueError(f"size is {size}; at least one weight has to be shared")
        try:
            descriptor = os.memfd_create("crl-weights", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except (OSError, AttributeError) as error:
            raise SharedWeightsError(f"no shared memory: {error}", "learning beside driving needs Linux") from error
        try:
            os.ftruncate(descriptor, _total(size))
            os.pwrite(descriptor, MAGIC, 0)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
            return cls(descriptor, size), descriptor
        except OSError as error:
            os.close(descriptor)
            raise SharedWeightsError(f"no shared memory: {error.strerror}", "free some memory") from error

    # ------------------------------------------------------------------ the writer
    def publish(self, weights: NDArray[np.float32], *, mission: int, steps: int, loss: float) -> bool:
        """Publish weights [P]; ``False``, and nothing is changed, if one of them is not finite.

        Args:
            weights: The weights.
            mission: The mission that they were learned in.
            steps: Gradient steps of it.
            loss: Of the last step.
        """
        flat = np.ascontiguousarray(weights, dtype=np.float32)
        if flat.shape != (self.size,):
            raise ValueError(f"weights have the shape {flat.shape}, not ({self.size},)")
        if not np.isfinite(flat).all():
            return False
        versions = [self._version(slot) for slot in (0, 1)]
        newest = max(versions)
        slot = versions.index(min(versions))
        data = flat.view(np.uint8).data
        start = self._start(slot)
        self._memory[start : start + _SLOT] = bytes(_SLOT)
        self._memory[start + _SLOT : start + _SLOT + self._bytes] = data
        record = _RECORD.pack(newest + 1, mission, steps, loss, self.size, 0)[:-4]
        checksum = zlib.crc32(data, zlib.crc32(record))
        # The version comes last: until then the slot counts as empty.
        body = record[8:] + struct.pack("<I", checksum)
        self._memory[start + 8 : start + 8 + len(body)] = body
        self._memory[start : start + 8] = record[:8]
        return True

    def count(self, **counts: int) -> None:
        """Set counters (of :data:`COUNTERS`)."""
        for name, value in counts.items():
            struct.pack_into("<Q", self._memory, len(MAGIC) + 8 * COUNTERS.index(name), value)

    # ------------------------------------------------------------------ the reader
    def newest(self) -> int:
        """Version of the newest weights, 0 if there are none; whole or not is for :meth:`read` to find out."""
        return max(self._version(0), self._version(1))

    def read(self, after: int = 0) -> Published | None:
        """The newest whole weights with a version above ``after``; ``None`` if there are none."""
        found = [self._read(slot) for slot in (0, 1) if self._version(slot) > after]
        whole = [published for published in found if published is not None and published.version > after]
        return max(whole, key=lambda published: published.version) if whole else None

    def counters(self) -> dict[str, int]:
        """What the writer counted."""
        values = struct.unpack_from(f"<{len(COUNTERS)}Q", self._memory, len(MAGIC))
        return dict(zip(COUNTERS, values, strict=True))

    def close(self) -> None:
        """Let go of the memory; the descriptor is another matter. A second call does nothing."""
        self._memory.close()

    def _read(self, slot: int) -> Published | None:
        start = self._start(slot)
        record = self._memory[start : start + _RECORD.size]
        data = self._memory[start + _SLOT : start + _SLOT + self._bytes]
        version, mission, steps, loss, size, checksum = _RECORD.unpack(record)
        if not version or size != self.size or zlib.crc32(data, zlib.crc32(record[:-4])) != checksum:
            return None
        weights = np.frombuffer(data, dtype=np.float32)
        return Published(version, mission, steps, loss, weights) if np.isfinite(weights).all() else None

    def _version(self, slot: int) -> int:
        return int(struct.unpack_from("<Q", self._memory, self._start(slot))[0])

    def _start(self, slot: int) -> int:
        return _HEAD + slot * (_SLOT + _aligned(self._bytes))


def _aligned(size: int) -> int:
    return -(-size // 64) * 64


def _total(size: int) -> int:
    return _HEAD + 2 * (_SLOT + _aligned(4 * size))
