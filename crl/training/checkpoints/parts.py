"""Large arrays that did not change since the checkpoint before are not written again: its file is linked.

Such an array has a file of its own, ``kept-SHA256.safetensors``. It is written when the array is found unchanged for
the first time; later checkpoints have a hard link to it. So a checkpoint's folder still holds all that it needs, and
removing an older one takes nothing from it. An array that changed is in ``arrays.safetensors``, with the small ones.

Whether an array changed is found by comparing it with what lies on the disk, which ends at the first difference, and
shows at once that a file is as it was written before another checkpoint gets a link to it. So all that is hashed is
what is written, once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from crl.reading.plain import open_plain
from crl.reading.states import StoredArray, safetensors_parts
from crl.training.checkpoints.manifest import ARRAYS, KEPT
from crl.training.files.durable import CHUNK, FileRecord, write_hashed

LARGE = 1 << 16
"""Least bytes of an array that may have a file of its own."""

Parts = Sequence[bytes | memoryview]


@dataclass(frozen=True)
class Place:
    """Where an array lies: a file of the checkpoint, and the first byte of the array in it."""

    file: str
    start: int


@dataclass
class Unchanged:
    """What a store knows of the checkpoint that it saved last.

    Attributes:
        folder: The folder of that checkpoint.
        places: Where in it each large array is, by the array's name.
        links: Whether the disk linked when it was last asked to.
    """

    folder: Path | None = None
    places: Mapping[str, Place] = field(default_factory=dict)
    links: bool = True

    def split(self, arrays: Iterable[StoredArray]) -> tuple[list[StoredArray], list[StoredArray]]:
        """Tell what changed from what did not.

        Args:
            arrays: All arrays of the new checkpoint.

        Returns:
            Those that are written with the others, and those that get a file of their own.
        """
        changed: list[StoredArray] = []
        still: list[StoredArray] = []
        for one in arrays:
            (still if one.data.nbytes >= LARGE and self._holds(one) else changed).append(one)
        return changed, still

    def put(self, folder: Path, still: Iterable[StoredArray]) -> tuple[dict[str, FileRecord], dict[str, Place], int]:
        """Link or write the files of arrays that did not change into a new checkpoint's folder.

        Args:
            folder: The folder.
            still: The arrays.

        Returns:
            Size and checksum of each file, the place of each array, and the bytes that were written.

        Raises:
            OSError: One can't be written.
        """
        records: dict[str, FileRecord] = {}
        places: dict[str, Place] = {}
        written = 0
        for one in still:
            parts = safetensors_parts([one])
            name = self.places[one.name].file
            if self._link(name, folder):
                records[name] = FileRecord(_size(parts), _digest_of(name))
            else:
                unnamed = folder / "kept"
                record = write_hashed(unnamed, parts)
                name = f"kept-{record.sha256}.safetensors"
                unnamed.rename(folder / name)
                records[name] = record
                written += record.size
            places[one.name] = Place(name, _size(parts[:-1]))
        return records, places, written

    def size(self, still: Iterable[StoredArray]) -> int:
        """Bytes that :meth:`put` writes: arrays that have no file of their own yet, and all if the disk can't link."""
        written = (one for one in still if not self.links or self.places[one.name].file == ARRAYS)
        return sum(_size(safetensors_parts([one])) for one in written)

    def _holds(self, one: StoredArray) -> bool:
        """Whether the checkpoint before has this array; its own file must be whole, since it would be linked."""
        place = self.places.get(one.name)
        if self.folder is None or place is None:
            return False
        try:
            with open_plain(self.folder / place.file) as file:
                if place.file == ARRAYS:
                    file.seek(place.start)
                    return _same(file, [one.data])
                parts = safetensors_parts([one])
                return os.fstat(file.fileno()).st_size == _size(parts) and _same(file, parts)
        except OSError:
            return False

    def _link(self, name: str, folder: Path) -> bool:
        """Link a file of the checkpoint before, if it is one of a single array, and if the disk can."""
        if self.folder is None or name == ARRAYS:
            return False
        try:
            os.link(self.folder / name, folder / name)
            self.links = True
        except OSError:
            self.links = False
        return self.links


def placed(arrays: Iterable[StoredArray], parts: Parts) -> dict[str, Place]:
    """Where large arrays lie in the file that they share.

    Args:
        arrays: The arrays.
        parts: Content of the file, by :func:`~crl.reading.states.safetensors_parts`.
    """
    starts: dict[int, int] = {}
    at = 0
    for part in parts:
        starts[id(part)] = at
        at += memoryview(part).nbytes
    return {one.name: Place(ARRAYS, starts[id(one.data)]) for one in arrays if one.data.nbytes >= LARGE}


def _same(file: BinaryIO, parts: Parts) -> bool:
    """Whether a file goes on with these bytes."""
    most = LARGE  # what changed mostly differs at once
    for part in parts:
        view = memoryview(part).cast("B")
        at = 0
        while at < len(view):
            wanted = view[at : at + most]
            found = bytearray(len(wanted))
            # A bytearray compares with any buffer in one go; two memory views would do so byte by byte.
            if file.readinto(found) != len(wanted) or found != wanted:  # type: ignore[attr-defined]
                return False
            at += len(wanted)
            most = CHUNK
    return True


def _size(parts: Parts) -> int:
    return sum(memoryview(part).nbytes for part in parts)


def _digest_of(name: str) -> str:
    found = KEPT.fullmatch(name)
    assert found is not None
    return found[1]
