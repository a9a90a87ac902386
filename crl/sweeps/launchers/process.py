"""Starts the process of a point, and says how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

FINISHED, FAILED, BUSY, STOPPED = 0, 1, 3, 130
"""Exit codes of a worker. Any other one, or a signal, means that the process died at its work."""
POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Variables that libraries take their number of threads from; read once, when they are loaded."""


def command(folder: Path, names: Sequence[str], any_code: bool) -> list[str]:
    """The program that does a point, or several together."""
    return [
        sys.executable,
        "-m",
        "crl.sweeps.launchers.worker",
        str(folder),
        *names,
        *(["--any-code"] if any_code else []),
    ]


def threads(number: int) -> dict[str, str]:
    """Environment that pins the threads of a process."""
    return dict.fromkeys(POOLS, str(number))


class Worker:
    """A worker's process. It ends with this one: the pipe to its standard input closes, however this one dies.

    Args:
        folder: The sweep.
        names: The point, or those that it does together.
        number: Threads of its libraries.
        any_code: Whether runs count that other code made.
    """

    def __init__(self, folder: Path, names: Sequence[str], number: int, any_code: bool) -> None:
        # A session of its own: Ctrl-C in the terminal reaches the sweep, which tells its workers.
        self.process = subprocess.Popen(
            [*command(folder, names, any_code), "--with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **threads(number)},
            start_new_session=True,
        )

    def stop(self) -> None:
        """Let the worker save and end."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            with suppress(OSError):
                self.process.stdin.close()

    def kill(self) -> None:
        """End the worker at once; its last checkpoint stays."""
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def poll(self) -> int | None:
        """Exit code, or None while it works."""
        return self.process.poll()

    def wait(self) -> int:
        """Exit code, when it has ended."""
        return self.process.wait()


def run_to_end(folder: str, name: str, number: int, any_code: bool) -> int:
    """Do a point in a process of its own; gives its exit code. What another machine is asked to do."""
    worker = Worker(Path(folder), [name], number, any_code)
    try:
        return worker.wait()
    except KeyboardInterrupt:  # how Ray cancels
        worker.stop()
        return worker.wait()


def died(status: int) -> str | None:
    """What to say of a worker that ended in another way than its own: its signal or exit code; else None."""
    if status in (FINISHED, FAILED, BUSY, STOPPED):
        return None
    if status < 0:
        with suppress(ValueError):
            return f"its process was ended by {signal.Signals(-status).name}"
    return f"its process ended with exit code {status}"
