"""What a sweep shows while it runs: a live table on a terminal, a line per event elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from crl.sweeps.folder import SweepFolder
from crl.sweeps.state import State, state
from crl.sweeps.table import ended_line, rows_that_fit, table


class Board:
    """The states of a sweep's points; those that are finished are not read again."""

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder
        self._finished: dict[str, State] = {}

    def states(self) -> list[State]:
        """All points, in their order."""
        found = []
        for name in self._folder.names():
            now = self._finished.get(name) or state(self._folder, name)
            if now.state == "finished":
                self._finished[name] = now
            found.append(now)
        return found


class Screen:
    """Shows a sweep. Use it as a context manager.

    Args:
        folder: The sweep.
        console: Where to show it.
        note: Gives a line for below the table, such as the best trial so far.
    """

    def __init__(self, folder: SweepFolder, console: Console, note: Callable[[], str] = lambda: "") -> None:
        self._folder, self._console, self._note = folder, console, note
        self._board = Board(folder)
        self._live: Live | None = None
        self._count = 0

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
            self.refresh()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self.refresh()
            self._live.stop()
            self._live = None

    def started(self, name: str) -> None:
        """A point was handed over."""
        if self._live is None:
            self.say(f"{name}: handed over")

    def ended(self, state: State) -> None:
        """A point has ended."""
        self._count += 1
        if self._live is None or state.error is not None:
            self.say(ended_line(state))

    def say(self, text: str) -> None:
        """Print a line, above the table where there is one."""
        self._console.print(Text(text), soft_wrap=True)
        self._console.file.flush()

    def refresh(self) -> None:
        """Draw the table again."""
        if self._live is not None:
            states = rows_that_fit(self._board.states(), self._console.height - 8)
            self._live.update(table(states, self._board.states(), self._note()), refresh=True)
