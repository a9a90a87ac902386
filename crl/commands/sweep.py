"""The command ``crl sweep``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crl.commands.arguments import Trust, out, say
from crl.errors import CrlError

if TYPE_CHECKING:
    from crl.sweeps.state import State

SECONDS = 2.0
"""Time between two looks of ``--watch`` (s)."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("sweep", no_args_is_help=True)(run_sweep)


def run_sweep(
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE,VALUE",
            help="Settings of the runs, with several values where they differ: continual=hypercrl,ewc seed=0,1,2 "
            "'tasks=[0,1],[1,0]' 'seed=range(0,5)' 'continual=glob(hypercrl*)'. And of the sweep: "
            "launcher=local|ray|slurm, launcher.workers=N, sweep_dir=DIR, sweep=tune, batch=seeds.",
        ),
    ] = None,
    status: Annotated[
        Path | None, typer.Option("--status", metavar="DIR", help="Show how far a sweep is, instead of running one.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="With --status: until all is done, or Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --status: print JSON instead of a table.")] = False,
    any_code: Annotated[
        bool,
        typer.Option("--any-code", help="Keep runs that other code than today's began; else they are made anew."),
    ] = False,
    trust: Trust = False,
) -> None:
    """Run every combination of settings: in parallel, on this machine, on Ray or on Slurm.

    The same command continues whatever stopped it: finished runs are left alone, killed ones go on from their last
    checkpoint, failed ones are tried again. Ctrl-C saves all runs. The exit code is 1 if a point failed.
    """
    if status is not None:
        if settings:
            raise CrlError("--status shows a sweep and runs nothing", f"leave out {settings[0]}, or --status")
        _show(status, watch, as_json)
        return
    if watch or as_json:
        raise CrlError("--watch and --json belong to --status", "add --status DIR")
    if not settings:
        raise CrlError(
            "a sweep needs settings", "name at least the task sequence: crl sweep env=cartpole_length seed=0,1"
        )
    from crl.sweeps.sweep import sweep
    from crl.sweeps.table import counts, ended_line
    from crl.training.runs.trust import asking

    with asking(trust):  # agent=frozen plays a run
        folder, states = sweep(settings, out, any_code)
    wrong = [state for state in states if state.state in ("failed", "stopped", "killed")]
    say(counts(states))
    for state in wrong:
        say(f"  {ended_line(state)}")
        say(f"    see {folder.log(state.point)}")
    say(f"sweep: {folder.path}")
    if wrong:
        raise typer.Exit(1)


def _show(path: Path, watch: bool, as_json: bool) -> None:
    from crl.sweeps.folder import SweepFolder
    from crl.sweeps.screen import Board

    board = Board(SweepFolder.open(path))
    if as_json:
        typer.echo(json.dumps([state.to_plain() for state in board.states()], indent=2))
    elif watch and out.is_terminal:
        from rich.live import Live

        from crl.sweeps.table import rows_that_fit, table

        with Live(console=out, auto_refresh=False) as live:
            while True:
                states = board.states()
                live.update(table(rows_that_fit(states, out.height - 6), states), refresh=True)
                if _over(states):
                    return
                time.sleep(SECONDS)
    else:
        from crl.sweeps.table import table

        shown = None
        while True:
            states = board.states()
            if states != shown:
                out.print(table(states, states))
            shown = states
            if not watch or _over(states):
                return
            time.sleep(SECONDS)


def _over(states: list[State]) -> bool:
    return bool(states) and all(state.state in ("finished", "failed") for state in states)
