"""Whether a process trains in a run's folder, asked without standing in its way."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from crl.reading.plain import read_bytes
from crl.training.runs.folder import LINE


def holder(folder: Path) -> str | None:
    """Who trains in a run, as ``PID on HOST``; ``None`` if nobody does.

    The lock file names its last holder. Where that process is gone from this host the lock itself is not touched:
    to try it, for however short a time, could turn away a process that is about to train. It is tried, shared, only
    where the process lives (its number may have been given to another since) or is another host's.
    """
    path = folder / ".lock"
    try:
        text = read_bytes(path, LINE).decode(errors="replace").strip()
    except OSError:
        return None
    number, _, host = text.partition(" on ")
    if host == socket.gethostname() and number.isdigit() and not _lives(int(number)):
        return None
    return (text or "an unknown process") if _held(path) else None


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it lives, and is another user's
    return True


def _held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system without locks tells nothing
    finally:
        os.close(descriptor)
    return False
