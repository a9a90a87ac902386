"""Large arrays that did not change since the checkpoint before are not written again: its file is linked.

Such an array has a file of its own, ``kept-SHA256.safetensors``. It is written when the array is found unchanged for
the first time; later checkpoints have a hard link to it. So a checkpoint's folder still holds all that it needs, and
removing an older one takes nothing from it. An array that changed is in ``arrays.safetensors``, with the small ones.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crl.reading.plain import open_plain
from crl.training.checkpoints.format import StoredArray, safetensors_parts
from crl.training.checkpoints.manifest import KEPT
from crl.training.files.durable import FileRecord, write_hashed

LARGE = 1 << 16
"""Least bytes of an array that may have a file of its own."""

Parts = Sequence[bytes | memoryview]


@dataclass
class Unchanged:
    """What a store knows of the checkpoint that it saved last.

    Attributes:
        folder: The folder of that checkpoint.
        digests: SHA-256 of each large array in it with its header, by the array's name.
    """

    folder: Path | None = None
    digests: Mapping[str, str] = field(default_factory=dict)

    def split(self, arrays: Sequence[StoredArray]) -> tuple[list[StoredArray], dict[str, Parts], dict[str, str]]:
        """Tell what changed from what did not.

        Args:
            arrays: All arrays of the new checkpoint.

        Returns:
            Those that are written with the others; the content of the files of those that did not change, by name; and
            the digests of all large ones.
        """
        changed: list[StoredArray] = []
        kept: dict[str, Parts] = {}
        digests: dict[str, str] = {}
        for one in arrays:
            if one.data.nbytes < LARGE:
                changed.append(one)
                continue
            parts = safetensors_parts([one])
            digest = hashlib.sha256()
            for part in parts:
                digest.update(part)
            digests[one.name] = digest.hexdigest()
            if self.digests.get(one.name) == digests[one.name]:
                kept[f"kept-{digests[one.name]}.safetensors"] = parts
            else:
                changed.append(one)
        return changed, kept, digests

    def put(self, folder: Path, kept: Mapping[str, Parts]) -> tuple[dict[str, FileRecord], int]:
        """Link or write files into a new checkpoint's folder.

        Args:
            folder: The folder.
            kept: Content of the files, by name.

        Returns:
            Size and checksum of each, and the bytes that were written.

        Raises:
            OSError: One can't be written.
        """
        records, written = {}, 0
        for name, parts in kept.items():
            size = sum(memoryview(part).nbytes for part in parts)
            if self._link(name, folder):
                records[name] = FileRecord(size, _digest_of(name))
            else:
                records[name] = write_hashed(folder / name, parts)
                written += size
        return records, written

    def _link(self, name: str, folder: Path) -> bool:
        """Link a file of the checkpoint before, if it is there and as it was written, and if the disk can."""
        if self.folder is None:
            return False
        try:
            with open_plain(self.folder / name) as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != _digest_of(name):  # type: ignore[arg-type]
                    return False
            os.link(self.folder / name, folder / name)
        except OSError:
            return False
        return True


def _digest_of(name: str) -> str:
    found = KEPT.fullmatch(name)
    assert found is not None
    return found[1]
