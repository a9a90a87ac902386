"""What ``crl eval-missions`` and ``crl confirm`` show while missions are flown."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from crl.console import PlainConsole


def show_flights(flown: Iterable[tuple[int, int, str]], console: Console) -> None:
    """Fly to the end, with a bar on a terminal (standard error), else a line each.

    Args:
        flown: (Done, all, what was done last) as it goes.
        console: Where lines go.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    screen = PlainConsole(stderr=True)
    with Progress(*columns, console=screen) as shown:
        bar = shown.add_task("fitting and flying", total=None)
        for done, count, said in flown:
            shown.update(bar, completed=done, total=count, description=said[:60])
            if not screen.is_terminal:
                console.print(f"{done} of {count}: {said}", soft_wrap=True, highlight=False)
