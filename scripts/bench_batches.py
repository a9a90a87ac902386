"""CPU time per seed of runs that are one batch (``crl sweep batch=seeds``), against the same runs one by one.

``python scripts/bench_batches.py [STRATEGY ...]`` prints a line of JSON per measurement. Batches and single runs take
turns in one process. A run is short, with planned decisions and gradient steps in about the shares of a full run of
``cartpole_length``.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from crl.config import Config
from crl.config.asking.composing import compose
from crl.training.runner import train
from crl.training.together.beside import Beside
from crl.training.together.computing import ComputingTogether, Stacks
from crl.training.together.meeting import Meeting, Seat

SETTINGS = (
    "env=cartpole_length",
    "tasks=[0]",
    "steps=400",
    "learning.initial_steps=150",
    "learning.steps_per_env_step=0.5",
    "learning.final_steps=150",
    "evaluation.episodes=1",
    "videos=false",
    "check=false",
)
SIZES = (1, 3, 5)
SEED = 1
"""Seed of the first run."""


def one(config: Config, folder: Path, beside: Beside | None = None) -> None:
    """Do a run."""
    config.run_dir = str(folder)
    given = beside or Beside()
    train(config, beside=Beside(given.computing, given.cpu, threading.Event(), Console(file=io.StringIO())))


def batch(configs: Sequence[Config], folder: Path) -> dict[int, float]:
    """Do runs as one batch; how many requests were answered together on average, by rank."""
    stacks = Stacks()

    def work(config: Config, seat: Seat) -> None:
        one(config, folder, Beside(ComputingTogether(seat, stacks), seat.cpu))

    meeting = Meeting()
    for outcome in meeting.run([partial(work, config) for config in configs]):
        if outcome.error is not None:
            raise outcome.error
    return {rank: sum(sizes) / len(sizes) for rank, sizes in meeting.sizes.items()}


def main(strategies: list[str]) -> None:
    """Measure, and print."""
    for strategy in strategies:
        settings = [*SETTINGS, f"continual={strategy}"]
        configs = [compose([*settings, f"seed={SEED + at}"]) for at in range(max(SIZES))]
        short = compose([*settings, "steps=200", "learning.final_steps=1", "planner.horizon=2"])
        with tempfile.TemporaryDirectory() as folder:
            one(short, Path(folder))  # loads what is loaded once
        for size in SIZES:
            with tempfile.TemporaryDirectory() as folder:
                began = time.process_time()
                one(configs[0], Path(folder))
                alone = time.process_time() - began
                began = time.process_time()
                met = batch(configs[:size], Path(folder))
                each = (time.process_time() - began) / size
            found = {"strategy": strategy, "batch": size, "alone_s": alone, "each_s": each, "ratio": each / alone}
            print(json.dumps({**found, "met": met}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["finetune", "hypercrl"])
