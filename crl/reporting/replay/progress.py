"""How far a film is: a line that is redrawn on a terminal, elsewhere one every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.status import Status
from rich.text import Text

from crl.reporting.tables.wording import duration

SECONDS = 5.0
"""Least time between two lines where the output is no terminal (s)."""


class FilmProgress:
    """Tells how far films are, and how long they take.

    Args:
        console: Where to show it.
        now: Clock (s), for tests.
    """

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console, self._now = console, now
        self._begun = self._line_at = now()
        self._title = "film"
        self._status: Status | None = None

    @property
    def seconds(self) -> float:
        """Time since the beginning (s)."""
        return self._now() - self._begun

    def __enter__(self) -> FilmProgress:
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def film(self, title: str) -> None:
        """A film begins."""
        self._title = title

    def step(self, doing: str, done: int, total: int) -> None:
        """Tell that ``done`` of ``total`` steps of an episode are played, or drawn."""
        now = self._now()
        text = f"{self._title}: {doing} step {done:,} of {total:,}, {duration(now - self._begun)}"
        if self._status is not None:
            self._status.update(Text(text))
        elif now - self._line_at >= SECONDS:
            self._line_at = now
            self._console.print(Text(text), soft_wrap=True)
            self._console.file.flush()
