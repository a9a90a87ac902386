"""The command ``crl doctor``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from crl.commands.arguments import err, out
from crl.version import __version__

if TYPE_CHECKING:
    from crl.diagnosis.finding import Finding

SIGNS = {"ok": "[green]ok[/]", "absent": "[dim]--[/]", "warning": "[yellow]![/] ", "broken": "[red]NO[/]"}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(doctor)


def doctor(
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder that holds the runs.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a list.")] = False,
) -> None:
    """Look at this machine: what works, what does not, and how to fix it.

    Graphics, video, plug-ins and packages are really tried, each in a process of its own. The exit code is 1 if
    something is broken that `crl train` needs; what only costs videos, a GPU or ROS leaves it at 0.
    """
    from crl.diagnosis.examination import examine

    findings: list[Finding] = []
    with err.status("looking at packages") as status:
        for name, found in examine(runs):
            status.update(f"looking at what follows {name}")
            findings += found
            if not as_json:
                for finding in found:
                    _show(finding)
    stopping = [finding for finding in findings if finding.stops_training]
    if as_json:
        healthy = {"version": __version__, "can_train": not stopping}
        typer.echo(json.dumps({**healthy, "findings": [finding.plain() for finding in findings]}, indent=2))
    else:
        _conclude(findings, stopping)
    raise typer.Exit(1 if stopping else 0)


def _show(finding: Finding) -> None:
    line = (
        f"{SIGNS[finding.state]}  {escape(finding.subject)} · [bold]{escape(finding.name)}[/]: {escape(finding.said)}"
    )
    out.print(line, soft_wrap=True, highlight=False, markup=True)
    if finding.hint and finding.state != "ok":
        out.print(f"      {finding.hint}", soft_wrap=True, highlight=False, style="dim")


def _conclude(findings: list[Finding], stopping: list[Finding]) -> None:
    warnings = sum(finding.state == "warning" for finding in findings)
    if stopping:
        named = ", ".join(finding.name for finding in stopping)
        out.print(f"\n[red]crl train can't work here[/]: {escape(named)}", soft_wrap=True, highlight=False, markup=True)
        return
    beside = f"; {warnings} warning{'s' * (warnings > 1)} above" if warnings else ""
    out.print(f"\n[green]crl train works here[/]{beside}", soft_wrap=True, highlight=False, markup=True)
