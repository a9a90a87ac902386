"""A TensorBoard event file of scalars, written by whoever adds them.

TensorBoard's own writer opens its file by name again and again, in a thread of its own: where a run's folder is moved,
that thread ends with a traceback, or makes a new file in the old place. This one keeps its file open.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import BinaryIO

FLUSH_SECONDS = 30.0


class EventFile:
    """Appends scalars to a new event file.

    Args:
        folder: Where the file is made.
        purge_step: Everything in earlier files at this step or later is withdrawn; ``None``: nothing is.

    Raises:
        OSError: The file can't be made.
        ImportError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, purge_step: int | None) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event = Event
        self._file = _new_file(folder)
        self._records = RecordWriter(self._file)
        self._flushed = time.monotonic()
        self._write(Event(file_version="brain.Event:2"))
        if purge_step is not None:
            self._write(Event(step=purge_step, session_log=SessionLog(status=SessionLog.START)))

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        """Append one number.

        Raises:
            OSError: It can't be written.
        """
        from tensorboard.compat.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        self._write(self._event(step=step, summary=summary))
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._file.flush()
            self._flushed = time.monotonic()

    def close(self) -> None:
        """Write out what is pending, and close the file."""
        self._file.close()

    def _write(self, event: object) -> None:
        event.wall_time = time.time()  # type: ignore[attr-defined]
        self._records.write(event.SerializeToString())  # type: ignore[attr-defined]


def _new_file(folder: Path) -> BinaryIO:
    name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
    count = 0
    while True:
        try:
            return (folder / f"{name}.{count}").open("xb")
        except FileExistsError:
            count += 1
