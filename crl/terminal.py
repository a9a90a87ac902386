"""Where the program prints. A reader that goes away, or an encoding that knows few letters, never stops a run.

``crl train ... | head`` closes its end of the pipe after ten lines, a terminal is closed, a log's disk is full: what is
printed from then on is dropped, and the run goes on to its results.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import IO, Any

from rich.console import Console

PLAIN = "crl_plain"
"""Name of the error handler that writes what an encoding does not know in letters that it knows."""
_INSTEAD = {"·": "-", "…": "...", "–": "-", "—": "-", "×": "x", "→": "->", "±": "+/-", "≤": "<=", "≥": ">="}


class Terminal(Console):
    """A console that outlives its reader."""

    @property
    def file(self) -> IO[str]:
        """Where it prints; errors of writing are dropped."""
        return _Lasting(super().file)  # type: ignore[return-value]

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file


class _Lasting:
    """A text stream that goes nowhere once writing to it fails."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            encoding = str(getattr(self._stream, "encoding", None) or "ascii")  # a StringIO has none
            return self._stream.write(text.encode(encoding, PLAIN).decode(encoding))
        except (OSError, ValueError):  # ValueError: the file is closed
            _send_nowhere(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            _send_nowhere(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def speak_plainly() -> None:
    """Let standard output and error write letters that their encoding does not know in others that it knows."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "backslashreplace"):
            stream.reconfigure(errors=PLAIN)


def _send_nowhere(stream: IO[str]) -> None:
    """Let the descriptor of a broken stream swallow what is written: what it still buffers, and what others print."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    unknown = error.object[error.start : error.end]
    written = [_INSTEAD.get(letter) or letter.encode("ascii", "backslashreplace").decode() for letter in unknown]
    return "".join(written), error.end


codecs.register_error(PLAIN, _plain)
