"""The command ``crl fit-flow``."""

from __future__ import annotations

import typer

from crl.commands.arguments import Settings, Trust, say
from crl.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("fit-flow")(fit_flow)


def fit_flow(settings: Settings = None, trust: Trust = False) -> None:
    """Learn the nominal body of `env=...` and fit the action flow to it, without flying missions.

    Leaves a run folder as `crl train` does, and the flow by itself in its `flow/` (flow.safetensors, flow.json), for
    `crl eval-missions flow=...`. `refiner=afm` by default; `refiner=afm_learned` fits a learned identifier, too.
    """
    given = list(settings or [])
    if not any(text.startswith(("refiner=", "refiner.name=")) for text in given):
        given.append("refiner=afm")
    from crl.config.asking.composing import compose

    config = compose([*given, "missions.seeds=0", "videos=false"])
    if config.refiner.kind != "flow":
        raise SettingsError(f"refiner={config.refiner.name} has no flow to fit", "use refiner=afm or afm_learned")
    from pathlib import Path

    from crl.training.load import load_run
    from crl.training.runner import train
    from crl.training.runs.trust import asking

    with asking(trust):  # what `resume=true` finds may be somebody else's
        folder = Path(train(config)["run"])
        load_run(folder).agent.save_flow(folder / "flow")
    say(f"flow: {folder / 'flow'}")
    say(f"run: {folder}")
