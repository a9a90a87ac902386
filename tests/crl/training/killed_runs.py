"""Kills a real training with SIGKILL at random moments, again and again, until it is through (see test_resume.py).

Run as a program: ``python killed_runs.py FOLDER SEED UPDATES SETTING...``. It trains ``FOLDER/whole/run`` undisturbed
and ``FOLDER/killed/run`` with kills, and prints how many lines of metrics there were at each kill. Every attempt is a
process of its own, forked from this one. This one has loaded the modules that the undisturbed run needed, and nothing
else: to load them again in every attempt took most of the time.
"""

from __future__ import annotations

import importlib
import io
import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import torch
from rich.console import Console

from crl.config.asking.composing import compose
from crl.training.runner import train
from crl.training.showing.progress import Progress


class Told(Progress):
    """Writes a byte to a pipe whenever the run has done something."""

    def __init__(self, pipe: int) -> None:
        super().__init__(1, [], Console(file=io.StringIO()))
        self._pipe = pipe

    def update(self, **values: Any) -> None:
        os.write(self._pipe, b".")


def attempt(settings: list[str], folder: Path, pipe: int) -> NoReturn:
    """Train in this process, which ends with it."""
    code = 1
    try:
        train(compose([*settings, f"run_dir={folder}", "name=run", "resume=true"]), Told(pipe))
        (folder / "modules").write_text("\n".join(sys.modules))
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(code)


def fork(settings: list[str], folder: Path) -> tuple[int, int]:
    """Start an attempt; returns its process and the end of the pipe that it tells its progress through."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        attempt(settings, folder, writer)
    os.close(writer)
    return child, reader


def until_through(settings: list[str], folder: Path, rng: random.Random, updates: int) -> list[int]:
    """Kill attempts after up to ``updates`` updates and some milliseconds, until one ends by itself."""
    kills: list[int] = []
    while True:
        child, reader = fork(settings, folder)
        wanted = rng.randint(0, updates)
        told = 0
        while told < wanted and (more := os.read(reader, wanted - told)):
            told += len(more)
        if told == wanted:
            time.sleep(rng.random() * 0.06)  # the random instant of the kill, not a wait for anything
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(reader)
        if not os.WIFSIGNALED(status):
            if os.waitstatus_to_exitcode(status):
                raise SystemExit("an attempt failed")
            return kills
        metrics = folder / "run/metrics.jsonl"
        kills.append(metrics.read_bytes().count(b"\n") if metrics.exists() else 0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    root, seed, count, chosen = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    undisturbed, pipe = fork(chosen, root / "whole")
    while os.read(pipe, 1000):
        pass
    if os.waitstatus_to_exitcode(os.waitpid(undisturbed, 0)[1]):
        raise SystemExit("the undisturbed run failed")
    for module in (root / "whole" / "modules").read_text().splitlines():  # once, and not again in every attempt
        with suppress(Exception):  # what only looks like a module
            importlib.import_module(module)
    print(until_through(chosen, root / "killed", random.Random(seed), count))
