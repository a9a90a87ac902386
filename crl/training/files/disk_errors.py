"""Errors of the disk that reach the top of the program: of no fault of the program, so without a traceback."""

from __future__ import annotations

import errno
import os

from crl.errors import CrlError
from crl.training.files.durable import NO_PERMISSION, NO_SPACE

_BROKEN = frozenset({errno.EIO, errno.ESTALE, errno.EFBIG})
_WORDS = {os.strerror(code): code for code in NO_SPACE | NO_PERMISSION} | {"database or disk is full": errno.ENOSPC}
"""What libraries say that raise errors of their own."""


def disk_error(error: BaseException) -> CrlError | None:
    """What to tell the user of an error that a full, read-only or broken disk causes; ``None`` for any other."""
    place = None
    if isinstance(error, OSError) and error.errno is not None:
        code, place = error.errno, error.filename2 or error.filename
    else:
        code = next((known for words, known in _WORDS.items() if words in str(error)), 0)
    if code not in NO_SPACE | NO_PERMISSION | _BROKEN:
        return None
    said = os.strerror(code) if place is None else f"{place}: {os.strerror(code)}"
    if code in NO_SPACE:
        return CrlError(said, "make room there and give the command again, or name another place")
    if code in NO_PERMISSION:
        return CrlError(said, "change the permissions (ls -l) and give the command again, or name another place")
    return CrlError(said, "the disk or the network fails: name a place on another disk")
