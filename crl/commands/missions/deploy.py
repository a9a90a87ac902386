"""The command ``crl deploy``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crl.commands.arguments import Run, Trust, find_run, finite, say


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("deploy")(deploy)


def deploy(
    run: Run,
    robot: Annotated[str, typer.Option(help="Name or file of the robot's description, such as ugv_husky.")],
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    learner_rate: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            callback=finite,
            help="Gradient steps per second while driving; 0: as many as possible; one per decision if omitted.",
        ),
    ] = None,
    trust: Trust = False,
) -> None:
    """Export a run of missions to one folder that a robot drives with: weights, specs, limits, versions, checksums.

    Refused if the robot's fields, units, ranges or rates differ from what the run learned on.
    """
    folder = find_run(run)
    from crl.deployment.export import export_run
    from crl.training.runs.trust import asking

    with asking(trust):
        said = export_run(folder, robot, out, learner_rate)
    say(f"{said['robot']}: the agent of {said['run']} at step {said['step']}, {said['weights']:,} weights")
    say(f"deployment: {out}")
