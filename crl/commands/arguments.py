"""What several commands share: their arguments, where they print, and how a run is found."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from crl.commands.completing import complete_run, complete_setting
from crl.console import PlainConsole

Trust = Annotated[
    bool,
    typer.Option("--trust", help="Execute modules in this folder that the run names, though it is somebody else's."),
]

out = PlainConsole()
err = PlainConsole(stderr=True)

Settings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Settings, such as env=door_open profile=full seed=1 tasks=[0,2] planner.samples=64 agent=sb3_sac; "
        "`crl config` shows them all.",
        autocompletion=complete_setting,
    ),
]
Run = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's folder, its name in runs/, or `latest`.", autocompletion=complete_run),
]


def finite(value: float | None) -> float | None:
    """Callback of a typer option: no infinity, and no ``nan``."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is no finite number")
    return value


def say(text: str) -> None:
    """Print as it is: unwrapped, so that paths and commands can be copied."""
    out.print(text, soft_wrap=True, highlight=False)


def find_run(run: str, root: Path = Path("runs")) -> Path:
    """The folder of a run, given as a path, as its name in ``runs``, or as ``latest``.

    Raises:
        CrlError: There is no such folder, or it is not a run.
    """
    from crl.training.runs.folder import RunFolder

    path = Path(run)
    is_name = len(path.parts) == 1 and not path.exists()
    return RunFolder.open(root / run if is_name else path).path
