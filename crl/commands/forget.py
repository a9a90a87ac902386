"""The command ``crl forget``."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from crl.commands.arguments import Run, find_run, say
from crl.commands.merge import New


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("forget")(forget)


def forget(
    run: Run,
    task: Annotated[int, typer.Option(metavar="K", help="Index of the task in its sequence.")],
    out: New,
) -> None:
    """Make a run like another one, without a task: its model, its normalisers and its embedding are in no file of it.

    The models of the other tasks become what a new hypernetwork generates, so that nothing of the old parameters is
    left. The run itself is not changed: delete it, and its recordings, where the task must be gone.
    """
    from crl.training.refitted_run import forget_task

    folder, names = forget_task(find_run(run), task, out)
    say(f"{folder.path} knows {', '.join(names)}, and no task {task}")
    say(f"evaluate it: crl resume {shlex.quote(str(folder.path))}")
