"""The command ``crl check``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from crl.commands.arguments import Settings, out
from crl.errors import CrlError

if TYPE_CHECKING:
    from crl.checks.finding import Finding

SIGNS = {"good": ("ok", "green"), "note": ("--", "yellow"), "warning": ("! ", "yellow"), "broken": ("NO", "red")}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(check)


def check(
    settings: Settings = None,
    steps: Annotated[int, typer.Option(min=4, help="Steps of every trial.")] = 30,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the trials.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a list.")] = False,
) -> None:
    """Try the environments of a task sequence, as in `crl check env=my_package.module:TASKS`.

    Every task is played for some seconds: spaces, seeds, episodes, ends, rewards over batches, and whether the tasks
    differ at all. The list says what is good (ok), what could be better (--), which promise is broken (!), and what
    makes learning impossible (NO). It also says if plans look less than half a second ahead. The exit code is 1 if a
    promise is broken.
    """
    given = settings or []
    if not any(setting.startswith(("env=", "env.name=")) for setting in given):
        raise CrlError("crl check needs the task sequence to try", "name it: crl check env=cartpole_length")
    from crl.checks.foresight import foresight
    from crl.checks.task_sequence import examine_task_sequence
    from crl.config.asking.composing import compose
    from crl.sequences import load_sequence
    from crl.training.order import task_order

    config = compose(given)
    sequence = load_sequence(config.env.name)
    tasks = None if config.env.tasks is None else task_order(config, sequence)
    findings: list[Finding] = []

    def found(finding: Finding) -> None:
        if not as_json:
            _show(finding, findings[-1] if findings else None)
        findings.append(finding)

    for finding in examine_task_sequence(sequence, tasks=tasks, steps=steps, seed=seed):
        found(finding)
    if all(finding.state != "broken" for finding in findings) and (short := foresight(config, sequence)) is not None:
        found(short)
    bad = [finding for finding in findings if finding.bad]
    if as_json:
        typer.echo(json.dumps({"sound": not bad, "findings": [finding.plain() for finding in findings]}, indent=2))
    else:
        count = f"{len(bad)} broken promise{'s' * (len(bad) != 1)}"
        _print(f"\n{sequence.name}: {count if bad else 'all promises are kept'}")
    raise typer.Exit(1 if bad else 0)


def _show(finding: Finding, before: Finding | None) -> None:
    if before is None or before.where != finding.where:
        _print(finding.where)
    sign, colour = SIGNS[finding.state]
    _print(f"  {finding.promise}: {finding.said}", sign, colour)
    if finding.hint and finding.state != "good":
        _print(f"      {finding.hint}", style="dim")


def _print(text: str, sign: str = "", colour: str = "", style: str = "") -> None:
    """Unwrapped and without markup: names and errors are other people's words."""
    out.print(Text.assemble((sign, colour), (text, style)), soft_wrap=True, highlight=False)
