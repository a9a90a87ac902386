"""The command ``crl live``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from crl.commands.arguments import Settings, Trust, find_run, out, say
from crl.errors import SettingsError

if TYPE_CHECKING:
    from crl.config import Config

OWN = {"steps": "life.steps", "run": "life.run"}
"""Short keys of this command."""
DRAWING = "life.svg"
"""File of a run that draws the true and the believed regime over time."""
STEPS = 10_000
"""Steps that are lived if the user names none."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("live", no_args_is_help=True)(live)


def live(settings: Settings = None, trust: Trust = False) -> None:
    """Live `steps=N` uninterrupted steps in a body that changes unannounced, again and again.

    `crl live env=ugv_life refiner=lifelong steps=10000 seed=1` learns the nominal body first; with `run=RUN` it begins
    with what a finished run of the same body has learned. `refiner=afm`, `none` and `oracle` live the same life.

    The same command again goes on with a life that was stopped, and so does `crl resume`.
    """
    config = composed(list(settings or []))
    from crl.reporting.html.figures.lives import drawing
    from crl.reporting.run_summary import life_summary, life_table
    from crl.reporting.store.index import note
    from crl.training.runner import train
    from crl.training.runs.trust import asking

    with asking(trust):  # the run that it begins with may be somebody else's
        results = train(config)
    out.print(life_table(results))
    for line in life_summary(results):
        say(line)
    run = Path(results["run"])
    (run / DRAWING).write_text(drawing(results["life"], f"seed {results['seed']}"), encoding="utf-8")
    note(run)
    say(f"true and believed regime over time: {run / DRAWING}")
    say(f"run: {run}")


def composed(words: list[str]) -> Config:
    """The settings of a life; one that was stopped is gone on with.

    Raises:
        SettingsError: A setting is wrong, or the sequence is missing.
    """
    given = [_own(word) for word in words]
    keys = {word.partition("=")[0] for word in given}
    if not keys & {"env", "env.name"}:
        raise SettingsError("live needs env=...", "for instance crl live env=ugv_life refiner=lifelong steps=10000")
    from crl.config.asking.composing import compose, fingerprints
    from crl.training.runs.folder import find_unfinished

    extra = [] if "life.steps" in keys else [f"life.steps={STEPS}"]
    extra += [] if keys & {"refiner", "refiner.name"} else ["refiner=lifelong"]
    config = compose([*given, *extra, "videos=false"])
    root = Path(config.run_dir)
    begun = find_unfinished(root, fingerprints(config)) if config.name is None else root / config.name / "config.yaml"
    config.resume = config.resume or (begun is not None and begun.exists())
    return config


def _own(word: str) -> str:
    """A setting with its whole key; a run may be named as everywhere, by its name in ``runs`` or as ``latest``."""
    key, equals, value = word.partition("=")
    if key == "run" and value and len(Path(value).parts) == 1 and not Path(value).exists():
        value = str(find_run(value))
    return f"{OWN.get(key, key)}{equals}{value}"
