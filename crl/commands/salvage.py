"""The command ``crl salvage``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crl.errors import CrlError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(salvage)


def salvage(
    bag: Annotated[
        Path, typer.Argument(metavar="BAG", help="The damaged recording: a .mcap file, or a folder of them.")
    ],
    out_path: Annotated[
        Path, typer.Option("--out", metavar="NEW", help="The new file, or the new folder; nothing is written over.")
    ],
) -> None:
    """Save what is whole in a damaged recording, before and after the damage, into a new one.

    The damaged recording is never changed. What was saved and what was lost is said.
    """
    from crl.reporting.replay.recording import reader_of

    if not bag.exists():
        raise CrlError(f"there is no file or folder {bag}", "give the recording that can't be read")
    reader = reader_of(bag)
    if reader is None:
        raise CrlError(f"{bag} is no recording that can be read", "give a .mcap file, or a folder of them")
    for text in reader.salvage(bag, out_path):
        typer.echo(text)
