"""The command ``crl cite``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crl.commands.arguments import Run, Trust, err, find_run, say
from crl.errors import CrlError
from crl.text import printable


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(cite)


def cite(
    run: Run,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.bib", help="Write to a file instead of the screen.")
    ] = None,
    trust: Trust = False,
) -> None:
    """Print the BibTeX of exactly what a run used.

    Strategy, agent, planner, refiner, simulator, measures and libraries, each with the reason in a comment; plug-ins
    add their own by an attribute `bibtex`.
    """
    folder = find_run(run)
    from crl.reporting.citing.citations import cite as collect
    from crl.training.runs.trust import asking

    with asking(trust):
        citations, notes = collect(folder)
    text = "\n\n".join(f"% {citation.reason}\n{citation.text}" for citation in citations) + "\n"
    for note in notes:
        err.print(f"note: {note}", soft_wrap=True, highlight=False)
    if out_file is None:
        typer.echo(printable(text), nl=False)
        return
    try:
        out_file.write_text(text, encoding="utf-8")
    except OSError as error:
        hint = "name a file in an existing folder with --out"
        raise CrlError(f"{out_file} can't be written: {error.strerror}", hint) from error
    say(str(out_file))
