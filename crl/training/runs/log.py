"""What a run writes line by line: ``metrics.jsonl``, mirrored to TensorBoard, and ``timing.jsonl``.

``metrics.jsonl`` holds nothing that differs between two runs of the same settings and seed: no clock, no path. A
checkpoint notes how long the file was, and a resumed run cuts it there, so that it ends byte for byte like the file
of a run that was never killed. Seconds go to ``timing.jsonl``, which nobody compares.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from crl.reading.plain import open_plain, read_bytes, require_plain
from crl.training.callbacks.base import Callbacks
from crl.training.files.durable import write_all
from crl.training.files.plain_data import plain
from crl.training.runs.folder import RunFolder, explain_os_error
from crl.training.runs.results_file import read_line
from crl.training.runs.tensorboard_mirror import TensorBoardMirror

Value = Any
"""float, int, str, bool, None, or a list of those; numpy and PyTorch values are converted."""


class RunLog:
    """Appends to the logs of a run.

    A new log starts at the beginning: unless :meth:`load_state_dict` was called, the first line replaces what a run
    killed before its first checkpoint left in the folder.

    Args:
        folder: The run's folder.
        tensorboard: Whether to mirror numbers to TensorBoard.
        callbacks: Who else is told of every line.
    """

    def __init__(self, folder: RunFolder, tensorboard: bool = True, callbacks: Callbacks | None = None) -> None:
        self._folder = folder
        self._callbacks = callbacks
        self._offset = 0
        self._step = 0
        self._file: int | None = None
        self._mirror = TensorBoardMirror(folder.path) if tensorboard else None

    def write(self, kind: str, step: int, values: Mapping[str, Value]) -> None:
        """Append one line ``{"kind": kind, "step": step, ...}``; it is with the operating system when this returns.

        Numbers and booleans appear in TensorBoard under ``kind/key``, or ``kind/key/TASK`` where the line names a task.
        A key has one type in all lines, whatever they report (or null).

        Args:
            kind: What the line reports, ``episode`` for instance.
            step: Environment steps so far; it never falls.
            values: Entries of the line. Numbers that are not finite become null.

        Raises:
            RunFolderError: The disk is full or the folder can't be written; the file ends with the last whole line.
        """
        if "kind" in values or "step" in values:
            raise ValueError("'kind' and 'step' are entries of every line; name the values differently")
        record = {"kind": kind, "step": step, **plain(values)}
        line = json.dumps(record, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        try:
            if self._file is None:
                self._file = self._open()
            write_all(self._file, line)
        except OSError as error:
            if self._file is not None:
                os.ftruncate(self._file, self._offset)
            raise explain_os_error(error, self._folder.metrics) from error
        self._offset += len(line)
        self._step = max(self._step, step)
        if self._mirror is not None:
            self._mirror.add(record)
        if self._callbacks is not None:
            self._callbacks.record(record)

    def write_timing(self, kind: str, step: int, values: Mapping[str, Value]) -> None:
        """Append one line to ``timing.jsonl``: whatever depends on the clock. A resumed run appends to what is there.

        Raises:
            RunFolderError: The disk is full or the folder can't be written.
        """
        line = json.dumps({"kind": kind, "step": step, **plain(values)}, allow_nan=False, separators=(",", ":")) + "\n"
        try:
            with self._folder.timing.open("ab") as file:
                file.write(line.encode())
        except OSError as error:
            raise explain_os_error(error, self._folder.timing) from error

    def state_dict(self) -> dict[str, Any]:
        """Length of the log (bytes) and last step, for a checkpoint.

        The file is flushed to the device first: a checkpoint must not outlive the lines that it counts on.

        Raises:
            RunFolderError: The disk is full or fails.
        """
        if self._file is not None:
            try:
                os.fsync(self._file)
            except OSError as error:
                raise explain_os_error(error, self._folder.metrics) from error
        return {"offset": self._offset, "step": self._step}

    def load_state_dict(self, state: Mapping[str, Any]) -> list[str]:
        """Cut the log to where it was at the checkpoint, and continue from there.

        TensorBoard is told to forget everything from the checkpoint's last step on; the lines of that very step that
        were written before the checkpoint are mirrored again.

        Returns:
            Problems, one message each: a log that is shorter than it was (deleted or edited) is continued as it is.

        Raises:
            RunFolderError: The log can't be written.
        """
        self.close()
        self._offset, self._step = int(state["offset"]), int(state["step"])
        problems: list[str] = []
        path = self._folder.metrics
        try:
            found = require_plain(path) if path.exists() else 0
            whole = read_bytes(path, self._offset).rfind(b"\n") + 1 if 0 < found < self._offset else 0
        except OSError as error:
            raise explain_os_error(error, path) from error
        if found < self._offset:
            problems.append(
                f"{path} holds {found} bytes, {self._offset} were written before the checkpoint; "
                "the lines in between are lost"
            )
            self._offset = whole
        try:
            self._file = self._open()
        except OSError as error:
            raise explain_os_error(error, path) from error
        if self._mirror is not None:
            self._mirror.restart(self._step)
            for record in self._records():
                if record["step"] >= self._step:
                    self._mirror.add(record)
        return problems

    def content(self) -> bytes:
        """All lines so far, even where the file has no name any more."""
        return b"" if self._file is None else os.pread(self._file, self._offset, 0)

    def close(self) -> None:
        """Close the files. Writing again continues where it ended."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._mirror is not None:
            self._mirror.close()

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> int:
        """Open the log for appending, cut to the lines that count."""
        with contextlib.suppress(FileNotFoundError):
            require_plain(self._folder.metrics)
        descriptor = os.open(self._folder.metrics, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        os.ftruncate(descriptor, self._offset)
        return descriptor

    def _records(self) -> Iterator[dict[str, Any]]:
        with open_plain(self._folder.metrics) as file:
            for line in file:
                # Only TensorBoard depends on these; a line that the disk has damaged is not worth a stop.
                if (found := read_line(line)) is not None:
                    yield found
