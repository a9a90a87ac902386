"""Files that are either complete on disk or not there at all, whatever instant the process dies.

A file is written beside its final name, flushed to the device (fsync), renamed, and the rename itself is flushed by
an fsync of the folder. POSIX promises that a rename within a file system is atomic, so that a reader sees the old
content or the new one.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CHUNK = 4 << 20
"""Bytes hashed and written at a time: small enough to stay in the processor's cache between the two."""

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@dataclass(frozen=True)
class FileRecord:
    """Size (bytes) and SHA-256 (hexadecimal) of a written file."""

    size: int
    sha256: str


def write_hashed(path: Path, parts: Iterable[bytes | memoryview]) -> FileRecord:
    """Create a file from parts, flush it to the device, and return its size and checksum.

    The parts are hashed on their way, so that the file is never read again and no joined copy is made.

    Args:
        path: File to create; it must not exist.
        parts: Content; memory views must be contiguous.

    Raises:
        OSError: The file can't be created or written, for instance because the disk is full.
    """
    digest = hashlib.sha256()
    size = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        for part in parts:
            view = memoryview(part).cast("B")
            for start in range(0, len(view), CHUNK):
                chunk = view[start : start + CHUNK]
                digest.update(chunk)
                write_all(descriptor, chunk)
            size += len(view)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return FileRecord(size, digest.hexdigest())


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of ``data``: the system call may take less than it was given.

    Raises:
        OSError: The disk is full or fails.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def fsync_folder(path: Path) -> None:
    """Flush the entries of a folder (names created, renamed, removed) to the device.

    Raises:
        OSError: The device failed. File systems that can't flush a folder are taken at their word.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file atomically and durably, replacing what was there.

    Raises:
        OSError: It can't be written; what was there is untouched, and nothing is left beside it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    beside.unlink(missing_ok=True)
    try:
        write_hashed(beside, [data])
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)
