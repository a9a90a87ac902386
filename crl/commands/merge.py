"""The command ``crl merge``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from crl.commands.arguments import Run, find_run, say

New = Annotated[Path, typer.Option("--out", metavar="NEW", help="Folder of the new run; nothing is written over.")]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("merge")(merge)


def merge(first: Run, second: Run, out: New) -> None:
    """Make one run of two that learned other tasks of one sequence: two robots' memories become one, without data.

    The models of all tasks become what one new hypernetwork generates. The runs are not changed. The new run is
    evaluated with crl eval; crl resume also writes its results.
    """
    from crl.training.refitted_run import merge_runs

    folder, names = merge_runs(find_run(first), find_run(second), out)
    say(f"{folder.path} knows {', '.join(names)}")
    say(f"evaluate it: crl resume {shlex.quote(str(folder.path))}")
