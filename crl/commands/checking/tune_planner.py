"""The command ``crl tune-planner``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crl.commands.arguments import Run, Trust, find_run, finite, out, say


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("tune-planner")(tune_planner)


def tune_planner(
    run: Run,
    rate: Annotated[
        float, typer.Option(min=0.1, max=1e4, callback=finite, help="Decisions per second that must be kept (Hz).")
    ],
    share: Annotated[
        float,
        typer.Option(
            min=0.01, max=1.0, callback=finite, help="Share of a period that a plan may take, 99 % of the time."
        ),
    ] = 0.7,
    task: Annotated[int | None, typer.Option(help="Index of a task; the last one by default.")] = None,
    into: Annotated[
        Path | None, typer.Option(metavar="DEPLOYMENT", help="Write the settings into this deployment of the run.")
    ] = None,
    trust: Trust = False,
) -> None:
    """Find planner settings that keep a rate on this computer, with a learner at work beside.

    Searches from 8 times to an eighth of the present samples are tried on the run's own model. Of those that keep the
    rate, the one whose plans promise most is taken, or a cheaper one that is as good. A deadline is set beside, so that
    a plan that is late ends with the best so far.
    """
    folder = find_run(run)
    from crl.benchmarks.tables import choices_table
    from crl.benchmarks.tuning import tune
    from crl.deployment.files import read_folder
    from crl.deployment.load import config_of
    from crl.deployment.retuning import retune
    from crl.reporting.tables.terminal import terminal
    from crl.training.runs.trust import asking

    if into is not None:
        config_of(read_folder(into))  # what can't be written into is said before the search
    with asking(trust):
        choices, best = tune(folder, rate, share, task)
    out.print(terminal(choices_table(choices, best)))
    settings = {**best.settings, "planner.deadline": round(share / rate, 6)}
    say(" ".join(f"{key}={value}" for key, value in settings.items()))
    if into is not None:
        retune(into, settings)
        say(f"written into {into}")
