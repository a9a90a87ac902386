"""The command ``crl report``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from crl.commands.arguments import Trust, say
from crl.errors import CrlError

FORMATS = {"html": "html", "md": "md", "csv": "csv", "latex": "tex"}
"""Formats, with the ends of their files' names."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(report)


def report(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUNS",
            help="Run folders, folders of runs, or names in runs/; with KEY=VALUE only runs that meet the condition.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="File to write; report.html if omitted."),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", "-f", help="html, md, csv or latex; several with commas.")
    ] = "html",
    title: Annotated[str, typer.Option("--title", help="Title of the page.")] = "Continual learning report",
    by: Annotated[
        str, typer.Option("--by", metavar="KEYS", help="Settings that tell methods apart, such as planner.samples.")
    ] = "",
    base: Annotated[
        str | None, typer.Option("--base", metavar="METHOD", help="Method that the others are compared with.")
    ] = None,
    scores: Annotated[
        str, typer.Option("--scores", help="normalised (0 random, 1 single) where that is possible, or returns.")
    ] = "normalised",
    videos: Annotated[
        float,
        typer.Option("--embed-videos", metavar="MB", min=0, help="Megabytes of video in the page; else links."),
    ] = 0,
    trust: Trust = False,
) -> None:
    """Make one self-contained page of any runs, or tables for papers.

    Whatever can be shown is shown; what is wrong stands at the top, with its hint.
    """
    from crl.reporting.reports import Options, write_reports
    from crl.training.runs.trust import asking

    kinds = list(dict.fromkeys(kind.strip().lower() for kind in formats.split(",")))
    for kind in kinds:
        if kind not in FORMATS:
            raise CrlError(f"there is no format {kind!r}", f"valid: {', '.join(FORMATS)}")
    if scores not in ("normalised", "returns"):
        raise CrlError(f"--scores cannot be {scores!r}", "valid: normalised, returns")
    target = out or Path("report")
    if out is not None and len(kinds) > 1 and out.suffix:
        target = out.with_suffix("")
    files = {
        kind: target if out is not None and len(kinds) == 1 else target.with_name(f"{target.name}.{FORMATS[kind]}")
        for kind in kinds
    }
    options = Options(
        title=title,
        by=tuple(key.strip() for key in by.split(",") if key.strip()),
        base=base,
        normalise=scores == "normalised",
        embed=round(videos * 1e6),
        command=shlex.join(["crl", *sys.argv[1:]]) if Path(sys.argv[0]).name == "crl" else "",
    )
    with asking(trust):
        made = write_reports(runs, files, options)
    for problem in made.problems:
        say(f"! {problem}")
    for path in made.files:
        say(str(path))
