"""What ``crl eval-missions`` and ``crl confirm`` show while missions are flown."""

from __future__ import annotations

from collections.abc import Iterable

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from crl.commands.arguments import err, say


def show_flights(flown: Iterable[tuple[int, int, str]]) -> None:
    """Fly to the end, with a bar on a terminal, else a line each.

    Args:
        flown: (Done, all, what was done last) as it goes.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as shown:
        bar = shown.add_task("fitting and flying", total=None)
        for done, count, said in flown:
            shown.update(bar, completed=done, total=count, description=said[:60])
            if not err.is_terminal:
                say(f"{done} of {count}: {said}")
