"""What tests of the pilot share: its loop against a simulated unicycle, and waiting for events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from crl.deployment.load import load_deployment
from crl.deployment.pilot import Pilot
from crl.training.missions.flying import mission_sequence
from tests.crl.agents.missions import SEQUENCE

WAIT = 400.0
"""Seconds after which an event is given up: a learner at low priority may need long to start on a busy machine."""


@contextmanager
def piloting(folder: Path, *, learn: bool, **options: Any) -> Iterator[Pilot]:
    pilot = Pilot(load_deployment(folder), learn=learn, **options)
    try:
        yield pilot
    finally:
        pilot.close()


@contextmanager
def unicycle(folder: Path, fault: int = 1) -> Iterator[gymnasium.Env[Any, Any]]:
    """The body that the pilot drives: 0 is nominal, 1 has a sign flip."""
    deployment = load_deployment(folder)
    with closing(mission_sequence(deployment.config, SEQUENCE).make(fault)) as env:
        yield env


class Drive:
    """Drives a body with a pilot, step by step, mission after mission."""

    def __init__(self, pilot: Pilot, env: gymnasium.Env[Any, Any]) -> None:
        self.pilot, self.env = pilot, env
        self.steps = self.missions = self.completed = 0
        self.taken = 0
        self.begin()

    def begin(self) -> None:
        self.observation, info = self.env.reset(seed=self.missions)
        self.pilot.begin(int(info["waypoints"]))
        self.missions += 1

    def step(self) -> np.ndarray:
        """One control period; returns what was executed."""
        self.taken += self.pilot.poll()
        action = self.pilot.act(self.observation).action
        assert np.isfinite(action).all()
        assert self.env.action_space.contains(action)
        before = self.observation
        self.observation, _, ended, cut, info = self.env.step(action)
        self.pilot.observe(before, action, self.observation)
        self.steps += 1
        if ended or cut:
            self.completed += bool(info["is_success"])
            self.begin()
        return action

    def until(self, condition: Callable[[], Any], *, pause: float = 0.0) -> None:
        """Drive until something happens."""
        end = time.monotonic() + WAIT
        while not condition():
            assert time.monotonic() < end, self.pilot.status()
            self.step()
            time.sleep(pause)


def wait(condition: Callable[[], Any]) -> None:
    """Wait for something that comes by itself."""
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def descriptors() -> set[str]:
    """Open descriptors of this process."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def ended(pid: int) -> bool:
    """Whether a process has ended; nobody may have asked for its exit status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
