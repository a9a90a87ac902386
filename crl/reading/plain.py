"""Plain files, read up to a stated size. A pipe, a device or a socket in a file's place is refused, never opened."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

KINDS = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"))
"""What may stand in a file's place."""


class OddFileError(OSError):
    """What is there is no plain file, or is larger than anything that belongs there."""


def require_plain(path: Path) -> int:
    """Size of a plain file (bytes). Links are followed.

    Raises:
        OddFileError: It is a pipe, a socket or a device.
        OSError: It is a folder, is missing, or can't be looked at.
    """
    return _size(path, path.stat())


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file for reading.

    The kind is looked up first: to open a pipe waits for whoever writes into it, and to open a device may do anything.

    Raises:
        OddFileError: It is a pipe, a socket or a device.
        OSError: It is a folder, is missing, or can't be read.
    """
    require_plain(path)
    # Without waiting: it may have been replaced since it was looked at.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _size(path, os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, most: int) -> bytes:
    """Content of a plain file.

    Args:
        path: The file.
        most: Bytes beyond which it is refused, before they are read.

    Raises:
        OddFileError: It is no plain file, or too large.
        OSError: It is a folder, is missing, or can't be read.
    """
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        found = (file.read(most + 1) or b"") if size <= most else b""
    if max(size, len(found)) > most:
        raise OddFileError(
            errno.EFBIG, f"has {max(size, len(found)):,} bytes, and at most {most:,} are read", str(path)
        )
    return found


def read_text(path: Path, most: int) -> str:
    """Content of a plain file in UTF-8.

    Raises:
        OddFileError: It is no plain file, or too large.
        OSError: It is a folder, is missing, or can't be read.
        UnicodeDecodeError: It is not UTF-8.
    """
    return read_bytes(path, most).decode()


def _size(path: Path, found: os.stat_result) -> int:
    if stat.S_ISREG(found.st_mode):
        return found.st_size
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", str(path))
    what = next((name for test, name in KINDS if test(found.st_mode)), "something else")
    raise OddFileError(errno.EINVAL, f"is {what}, not a plain file", str(path))
