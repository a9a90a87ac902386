"""Kills processes in the middle of saving and looks at what they left. Run by test_checkpoint.py in a process of its
own, because a fork is only safe where no thread pool was started.

Arguments: a folder, and ``every`` (a kill before, or in the middle of, each system call of a save) or ``random``
(kills at random times of a process that saves without pause). Prints the number of kills.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crl.training.checkpoints.store import CheckpointStore

SYSTEM_CALLS = ("open", "write", "fsync", "mkdir", "rename", "unlink", "rmdir")


def state_of(step: int) -> dict[str, Any]:
    generator = np.random.default_rng(step)
    return {"weights": torch.full((50_000,), float(step)), "buffer": generator.standard_normal(1000), "step": step}


def check(folder: Path, allowed: set[int]) -> int:
    loaded = CheckpointStore(folder).load_latest()
    expected = state_of(loaded.step)
    assert loaded.problems == [], loaded.problems
    assert loaded.step in allowed, (loaded.step, allowed)
    for path in CheckpointStore(folder).list():
        CheckpointStore(folder).load(path)  # the earlier ones are whole as well
    assert loaded.state["step"] == loaded.step
    assert torch.equal(loaded.state["weights"], expected["weights"])
    assert np.array_equal(loaded.state["buffer"], expected["buffer"])
    return loaded.step


def die_at(count: int) -> None:
    """Kill this process at its ``count``-th system call: a write after half of its bytes, others before they begin."""
    calls = itertools.count(1)

    def wrap(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if next(calls) == count:
                if name == "write":
                    original(args[0], args[1][: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return call

    for name in SYSTEM_CALLS:
        setattr(os, name, wrap(name, getattr(os, name)))


def every(folder: Path) -> int:
    CheckpointStore(folder).save(0, state_of(0))
    CheckpointStore(folder).save(1, state_of(1))
    newest = 1
    for count in itertools.count(1):
        step = newest + 1
        child = os.fork()
        if child == 0:
            die_at(count)
            CheckpointStore(folder).save(step, state_of(step))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        newest = check(folder, {newest, step})
        if not os.WIFSIGNALED(status):
            assert os.WEXITSTATUS(status) == 0
            assert newest == step
            assert len(list(folder.iterdir())) == 2, "leftovers"
            return count - 1
    raise AssertionError


def at_random(folder: Path) -> int:
    rng = random.Random(0)
    CheckpointStore(folder).save(0, state_of(0))
    newest, kills = 0, 8
    for _ in range(kills):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            store = CheckpointStore(folder)
            for step in itertools.count(newest + 1):
                store.save(step, state_of(step))
                os.write(writer, b".")
        os.close(writer)
        saved = len(os.read(reader, rng.randint(1, 3)))
        time.sleep(rng.random() * 0.01)  # the random instant of the kill, not a wait for anything
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while more := os.read(reader, 1000):
            saved += len(more)
        os.close(reader)
        # The last save may have finished without its message.
        newest = check(folder, {newest + saved, newest + saved + 1})
    return kills


if __name__ == "__main__":
    torch.set_num_threads(1)
    print({"every": every, "random": at_random}[sys.argv[2]](Path(sys.argv[1])))
