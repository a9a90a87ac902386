"""Learners over a unicycle's memory, with a process of their own or with one that a test answers for."""

from __future__ import annotations

import os
import socket
from typing import Any, ClassVar

import pytest
import torch

from crl.memory.adapting import LifelongAdaptation
from crl.memory.beside import process
from crl.memory.beside.child import Pupil
from crl.memory.beside.letters import Foundation, Request
from crl.memory.beside.process import ProcessLearner
from crl.memory.models.memory import Memory
from crl.memory.models.steps import Steps
from crl.processes.letters import receive, send
from tests.crl.memory.unicycle import TASK, drive, ground, settings, squared


def adaptation(kind: str, *, gathered: bool = False) -> LifelongAdaptation:
    """An adaptation that stands on the fitted body."""
    config = settings(kind)
    config.memory.gathered = gathered
    made = LifelongAdaptation(config, TASK.observation, TASK.action)
    made._stand_on(ground())
    return made


def standing(made: LifelongAdaptation) -> tuple[ProcessLearner, Memory]:
    """Its learner and its memory."""
    assert made.known is not None
    return made.helper, made.known.memory


def lesson(memory: Memory, count: int = 60) -> tuple[int, Steps]:
    """A new regime of a memory, and transitions of it."""
    steps = drive(squared, count, 5)
    return memory.open(0, steps, 10)[0], steps


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Stand:
    """In the place of a process: a test says when it answers, and whether it lives."""

    made: ClassVar[list[Stand]] = []

    def __init__(self, module: str) -> None:
        del module
        self.end, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid, self.alive, self.closed = os.getpid(), True, False
        self._pupil: Pupil | None = None
        self.made.append(self)

    def answer(self, **changes: Any) -> Request:
        """Answer one request, with some entries changed; returns it."""
        if self._pupil is None:
            self._pupil = Pupil(Foundation.of(receive(self.far)))
        request = Request(**receive(self.far))
        assert send(self.far, {**vars(self._pupil.answer(request)), **changes})
        return request

    def close(self) -> None:
        self.alive, self.closed = False, True
        self.end.close()
        self.far.close()


@pytest.fixture
def stands(monkeypatch: pytest.MonkeyPatch) -> list[Stand]:
    """Processes of learners are stands from now on; all of them, as they are made."""
    made: list[Stand] = []
    monkeypatch.setattr(Stand, "made", made)
    monkeypatch.setattr(process, "ChildProcess", Stand)
    return made
