"""The missions of a suite: drawn by seed, flown by every method with every fit, paired across methods."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from crl.confirmation.drawing import draw
from crl.confirmation.maps import write_map
from crl.confirmation.suite import Suite
from crl.sequences import MissionEntry
from crl.training.missions.trials import Method, Trial, run_trials

_FITS, _DRAWS, _STARTS = 0, 100, 400
"""Where seeds of fits, of maps and faults, and of missions begin in a suite's part of its block."""


def plan(suite: Suite, folder: Path) -> list[list[Trial]]:
    """Draw the missions of every fit, and write their maps.

    Every fit has missions of its own: new faults, maps, starts and noise. All methods have the same ones.

    Args:
        suite: What is confirmed.
        folder: Where maps go (``maps/``).

    Returns:
        For each fit its trials, methods together mission by mission.

    Raises:
        CrlError: A distribution is impossible.
    """
    planned = []
    number = 0
    for fit in range(suite.fits):
        methods = [Method(name, True, _settings(suite), fit_seed=suite.seed(_FITS + fit)) for name in suite.methods]
        trials = []
        for kind in suite.faults:
            for again in range(kind.count):
                rng = np.random.default_rng(suite.seed(_DRAWS + number))
                fault = draw(dict(kind.fault), rng)
                path = folder / "maps" / f"map_{number:03d}.csv"
                write_map(suite.maps.draw(rng), path)
                mission = MissionEntry(f"{kind.name}-{again}", kind.group, fault)
                trials += [Trial(method, str(path), mission, suite.seed(_STARTS + number)) for method in methods]
                number += 1
        planned.append(trials)
    return planned


def run(planned: list[list[Trial]], folder: Path, workers: int) -> Iterator[tuple[int, int, str]]:
    """Fit and fly what is not there yet, fit by fit; yields (done, all, what was done last).

    Raises:
        CrlError: A worker died, or the folder holds missions of other settings.
    """
    counts = [len({trial.method.fit for trial in trials}) + len(trials) for trials in planned]
    for at, trials in enumerate(planned):
        for done, _, said in run_trials(trials, folder, workers):
            yield sum(counts[:at]) + done, sum(counts), said


def _settings(suite: Suite) -> tuple[str, ...]:
    return (f"env={suite.env}", *suite.settings)
