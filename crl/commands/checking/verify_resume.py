"""The command ``crl verify-resume``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from crl.commands.arguments import Settings, err, say
from crl.errors import CrlError

MOST_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("verify-resume")(verify_resume)


def verify_resume(
    settings: Settings = None,
    kills: Annotated[int, typer.Option(min=1, help="How often to kill the run, spread over its log.")] = 3,
) -> None:
    """Kill and resume a run, and prove that it ends as one that was never stopped, to the bit.

    As in `crl verify-resume env=my_package.module:TASKS agent=my_package.module:MyAgent steps=400`. The run is made
    twice in a temporary folder: once without a stop, and once with kills (SIGKILL). The log, the results without
    times, and the last checkpoint are compared. The exit code is 1 if anything differs; the first thing that differs is
    named.
    """
    from crl.config.asking.composing import compose
    from crl.training.verifying import verify_resume as verify

    given = settings or []
    config = compose(given)
    if config.resume or config.name is not None:
        raise CrlError("crl verify-resume names its two runs itself", "leave out name=... and resume=...")
    with tempfile.TemporaryDirectory(prefix="crl_verify_") as folder:
        found = verify(given, Path(folder), kills, lambda text: err.print(text, soft_wrap=True, highlight=False))
    if not found.found:
        say(f"equal to the bit: {found.lines} lines of the log, results and last checkpoint, after {found.kills} kills")
        return
    for text in found.found[:MOST_SHOWN]:
        say(f"differs: {text}")
    if len(found.found) > MOST_SHOWN:
        say(f"and {len(found.found) - MOST_SHOWN} more")
    raise typer.Exit(1)
