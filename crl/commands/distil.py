"""The command ``crl distil``."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from crl.commands.arguments import Run, find_run, say
from crl.commands.merge import New
from crl.errors import CrlError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("distil")(distil)


def distil(
    run: Run,
    out: New,
    hidden: Annotated[str, typer.Option(metavar="N,N", help="Widths of the new networks' hidden layers.")] = "32,32",
    steps: Annotated[int, typer.Option(min=1, help="Gradient steps per task.")] = 3000,
) -> None:
    """Make a run of smaller networks out of another one, for a small computer, without data.

    The smaller networks learn to say what the run's models say. Each task's error is printed, as a share of the
    deviation of what the model says; `crl resume` evaluates the new run and writes it into its results. The run itself
    is not changed.
    """
    from crl.training.distilled_run import distil_run

    try:
        widths = [int(width) for width in hidden.split(",")]
    except ValueError:
        raise CrlError(f"--hidden {hidden} is no list of widths", "write for instance --hidden 32,32") from None
    folder, report = distil_run(find_run(run), widths, out, steps)
    for name, error in report["error"].items():
        say(f"{name}: error {error:.3f}")
    say(f"{folder.path} has {report['weights']['after']} weights per task, the run {report['weights']['before']}")
    say(f"evaluate it: crl resume {shlex.quote(str(folder.path))}")
