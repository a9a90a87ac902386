"""The table of a sweep's points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.text import Text

from crl.console import PlainTable, plain
from crl.sweeps.state import Name, State

STYLES: Mapping[Name, str] = {
    "finished": "green",
    "running": "cyan",
    "waiting": "dim",
    "failed": "red",
    "stopped": "yellow",
    "killed": "yellow",
}
"""Colours only repeat what the word says."""
IMPORTANCE = ("failed", "running", "killed", "stopped", "finished", "waiting")


def table(shown: Sequence[State], every: Sequence[State], note: str = "") -> RenderableType:
    """The rows shown, and below them the counts of all.

    Args:
        shown: Rows.
        every: All points.
        note: A line of its own below.
    """
    left_out = len(every) - len(shown)
    caption = counts(every) + (f"  ({left_out} rows not shown)" if left_out else "") + (f"\n{note}" if note else "")
    made = PlainTable(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("point", overflow="fold")
    made.add_column("state", no_wrap=True)
    made.add_column("step / budget", justify="right", no_wrap=True)
    made.add_column("success", justify="right", no_wrap=True)
    made.add_column("minutes", justify="right", no_wrap=True)
    made.add_column("error", overflow="fold")
    for row in shown:
        made.add_row(
            row.point,
            Text(row.state, STYLES[row.state]),
            f"{row.step:,} / {row.budget:,}" if row.budget else f"{row.step:,}",
            "-" if row.success is None else f"{row.success:.2f}",
            "-" if row.minutes is None else f"{row.minutes:.1f}",
            row.error or "",
        )
    return Group(made, plain(caption))


def rows_that_fit(states: Sequence[State], most: int) -> list[State]:
    """As many rows as there is room for, in their order: what failed and what runs before what is done or waits."""
    if len(states) <= max(most, 3):
        return list(states)
    places = sorted(range(len(states)), key=lambda place: (IMPORTANCE.index(states[place].state), place))
    return [states[place] for place in sorted(places[: max(most, 3)])]


def counts(states: Sequence[State]) -> str:
    """``12 points: 3 finished, 2 running, 7 waiting``."""
    found = Counter(state.state for state in states)
    parts = [f"{found[name]} {name}" for name in STYLES if found[name]]
    return f"{len(states)} point{'s' * (len(states) != 1)}: {', '.join(parts) or 'none yet'}"


def ended_line(state: State) -> str:
    """One line on a point that has ended."""
    parts: list[str] = [state.state]
    if state.success is not None and state.state == "finished":
        parts.append(f"success {state.success:.2f}")
    if state.minutes is not None:
        parts.append(f"{state.minutes:.1f} min")
    if state.error:
        parts.append(state.error)
    return f"{state.point}: {', '.join(parts)}"
