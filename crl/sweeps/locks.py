"""Advisory locks that end with the process that holds them."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = ".lock"
POLL = 0.1
"""Seconds between two tries for a lock that another process holds."""


class HeldError(Exception):
    """Another process holds the lock; the text names it, as ``PID on HOST``."""


@contextmanager
def hold(folder: Path, patience: float = 0.0, wanted: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Hold a folder's lock. A process that is killed releases it.

    Args:
        folder: Where the file ``.lock`` lies; it names the holder.
        patience: How long to wait for another holder (s).
        wanted: Asked while waiting; False gives up.

    Raises:
        HeldError: Another process holds it.
        OSError: The lock file can't be written.
    """
    descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _take(descriptor, time.monotonic() + patience, wanted)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, until: float, wanted: Callable[[], bool]) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= until or not wanted():
                holder = os.pread(descriptor, 1000, 0).decode(errors="replace").strip()
                raise HeldError(holder or "another process") from error
            time.sleep(POLL)
        except OSError:
            return  # some network file systems have no locks; to refuse to work there would help nobody
        else:
            return
