"""The process itself: it learns at a lower priority, is replaced when it is killed, and never outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from crl.memory.beside.process import ProcessLearner
from crl.memory.models.memory import Memory
from tests.crl.deployment.driving import descriptors, ended, wait
from tests.crl.memory.beside.standing import adaptation, generator, lesson, standing

pytestmark = pytest.mark.slow


@pytest.fixture
def started() -> Iterator[tuple[ProcessLearner, Memory]]:
    learner, memory = standing(adaptation("networks"))
    learner.start()
    yield learner, memory
    learner.close()


def learned(learner: ProcessLearner, memory: Memory) -> float:
    """Wait for a result."""
    losses: list[float] = []

    def came() -> bool:
        loss = learner.collect(memory)
        losses.extend([] if loss is None else [loss])
        return bool(losses)

    wait(came)
    return losses[0]


def test_what_it_learns_is_what_would_have_been_learned_here(started: tuple[ProcessLearner, Memory]) -> None:
    learner, memory = started
    _, here = standing(adaptation("networks"))
    index, steps = lesson(memory)
    lesson(here)
    for seed in range(3):
        learner.learn(memory, index, steps, 4, generator(seed))
        drawn = int(torch.randint(2**62, (), generator=generator(seed)))
        assert learned(learner, memory) == here.learn(index, steps, 4, generator(drawn))
    assert os.getpriority(os.PRIO_PROCESS, learner.pid or 0) >= min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
    assert memory.weights(index).equal(here.weights(index))


def test_one_that_is_killed_is_replaced_and_goes_on(started: tuple[ProcessLearner, Memory]) -> None:
    learner, memory = started
    index, steps = lesson(memory)
    learner.learn(memory, index, steps, 4, generator())
    learned(learner, memory)
    first = learner.pid
    assert first is not None
    learner.learn(memory, index, steps, 4, generator())
    os.kill(first, signal.SIGKILL)

    def replaced() -> bool:
        learner.collect(memory)  # the answer, if it came before the kill
        return learner.pid != first

    wait(replaced)
    assert "started again" in learner.news()[0]
    assert ended(first)
    learner.learn(memory, index, steps, 4, generator())
    learned(learner, memory)


def test_closing_leaves_neither_a_process_nor_a_descriptor() -> None:
    before = descriptors()
    learner, memory = standing(adaptation("networks"))
    index, steps = lesson(memory)
    learner.start()
    learner.learn(memory, index, steps, 4, generator())
    learned(learner, memory)
    learner.learn(memory, index, steps, 1000, generator())  # it is at work
    learner.close()
    learner.close()
    assert learner.pid is not None
    assert ended(learner.pid)
    assert descriptors() == before


PARENT = """
import sys, time
from tests.crl.memory.beside.standing import adaptation, generator, lesson, standing
from tests.crl.memory.beside.test_process import learned
learner, memory = standing(adaptation("networks"))
index, steps = lesson(memory)
learner.start()
if sys.argv[1] != "starting":
    learner.learn(memory, index, steps, 4, generator())
    learned(learner, memory)
    learner.learn(memory, index, steps, 2000, generator())
print(learner.pid, flush=True)
if sys.argv[1] == "fails":
    raise RuntimeError("an error")
time.sleep(600)
"""


@pytest.mark.parametrize("when", ["starting", "at work", "fails"])
def test_it_ends_with_its_parent(when: str, repository: Path) -> None:
    words = [sys.executable, "-c", PARENT, when]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=repository
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if when != "fails":
            parent.send_signal(signal.SIGKILL)
    wait(lambda: ended(pid))
