"""A child process that works beside its parent: one thread, a lower priority, and it ends when its parent does.

Parent and child have the two ends of a socket that keeps messages apart. The child sees the end of the stream when the
parent closes its end or dies, whatever it dies of.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LONG = 5.0
"""Seconds that a killed process may take to be gone."""
NICE = 10
"""Lower priority: the child takes what its parent leaves, a tenth of a processor at least."""
LOOK = 0.2
"""Seconds between two looks of a child at whether its parent lives, when there is nothing to do."""


class ChildProcess:
    """A Python module as a process of its own, and this side's end of the socket to it.

    Its command line has ``--frames`` (descriptor of its end of the socket) and ``--parent`` (this process), beside what
    is given.

    Args:
        module: Name of the module.
        arguments: Further arguments by name, without the dashes.
        flags: Further words of the command line.
        descriptors: Descriptors that it inherits beside the socket; they stay the caller's to close.

    Attributes:
        end: This side's end of the socket.
    """

    def __init__(
        self,
        module: str,
        arguments: Mapping[str, object] | None = None,
        flags: Sequence[str] = (),
        descriptors: Sequence[int] = (),
    ) -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        named = {**(arguments or {}), "frames": far.fileno(), "parent": os.getpid()}
        words = [word for name, value in named.items() for word in (f"--{name}", str(value))]
        try:
            # -P: nothing of the folder that the parent was started in is imported.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *words, *flags],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(far.fileno(), *descriptors),
                env={**os.environ, **dict.fromkeys(THREADS, "1")},
                # A Ctrl-C is for the parent, which ends its child. Not a session of its own: the scheduler may share
                # the processor out among sessions, and a lower priority would mean nothing.
                process_group=0,
            )
        except BaseException:
            near.close()
            raise
        finally:
            far.close()
        self.end = near

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it lives."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it at once: it holds nothing that would be lost. A second call does nothing."""
        self.end.close()
        with suppress(ProcessLookupError):
            self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LONG)
