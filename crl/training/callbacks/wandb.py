"""A run in Weights & Biases (``callbacks=[wandb]``, ``pip install "crl[wandb]"``).

W&B's own variables decide where it goes (``WANDB_PROJECT``, ``WANDB_ENTITY``; ``WANDB_MODE=offline`` writes files
only); its files lie in the folder of runs. The run's id is made of its folder, so that a resumed run goes on as the
same one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import wandb

from crl.training.callbacks.base import RunStart, figures, numbers

STEP = "env_steps"


class WandbCallback:
    """Sends settings, lines and results to Weights & Biases."""

    def __init__(self) -> None:
        self._run: Any = None

    def begin(self, run: RunStart) -> None:
        """Begin, or go on with, the run."""
        folder = run.folder.resolve()
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "crl",
            id=hashlib.sha256(str(folder).encode()).hexdigest()[:16],
            name=folder.name,
            group=f"{run.settings['env']['name']} {run.method}",
            config=dict(run.settings),
            dir=str(folder.parent),
            resume="allow",
            reinit="create_new",
        )
        # Lines of one step are several, and a resumed run repeats steps: W&B's own count of lines can't be the axis.
        self._run.define_metric("*", step_metric=STEP)

    def record(self, line: Mapping[str, Any]) -> None:
        """Send the numbers of a line."""
        found = numbers(line)
        if found:
            self._run.log({**found, STEP: int(line["step"])})

    def end(self, results: Mapping[str, Any] | None) -> None:
        """Send the results."""
        if self._run is None:
            return
        if results is not None:
            self._run.summary.update({f"results/{key}": value for key, value in figures(results).items()})
        self._run.finish(exit_code=0 if results is not None else 1)
        self._run = None
