"""A memory of regimes as a folder on disk: the format and the promises of checkpoints.

A save is complete or not there at all, whatever instant the process dies. The newest two are kept, each with checksums:
if the newest is damaged, the one before is read and the damage is named. A second robot of the same kind can read it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from crl import restoring
from crl.agents.base import Agent
from crl.errors import CrlError
from crl.training.checkpoints.names import step_and_revision
from crl.training.checkpoints.store import CheckpointStore
from crl.types import ActionSpec, ObservationSpec, TaskSpec

VERSION, READ = 2, (1, 2)
"""Version of what is in the folder, and those that are read. 1: last layers are kept as they are."""
MEMORY = "memory"
"""Name of the folder in a run that holds the memory."""


class MemoryFolderError(CrlError, ValueError):
    """A memory's folder is of another robot or version, or holds nothing that can be read."""


def robot_of(observation: ObservationSpec, action: ActionSpec) -> dict[str, str]:
    """What a memory is of: the fields of the observation, and the action.

    The model of the nominal body is not part of it: a memory brings its own along.

    Args:
        observation: Fields.
        action: Elements.
    """
    parts = {"observation": asdict(observation), "action": asdict(action)}
    marks = {name: json.dumps(part, sort_keys=True).encode() for name, part in parts.items()}
    return {name: hashlib.sha256(data).hexdigest()[:16] for name, data in marks.items()}


class MemoryFolder:
    """A folder with a memory.

    Args:
        folder: Where; it is made at the first save.
        robot: What the memory is of; see :func:`robot_of`.
    """

    def __init__(self, folder: Path, robot: Mapping[str, str]) -> None:
        self._store = CheckpointStore(folder)
        self._robot = dict(robot)

    def save(self, now: int, state: Mapping[str, Any]) -> Path:
        """Write a state; what was saved before stays until it is complete.

        Args:
            now: Steps that were lived so far.
            state: What :meth:`crl.agents.base.Agent.remembered` returned.

        Raises:
            CheckpointError: The disk is full, or the folder can't be written; what was saved before is untouched.
        """
        return self._store.save(now, {"version": VERSION, "robot": self._robot, "state": dict(state)})

    def newest(self) -> int:
        """Steps that were lived at the newest save; 0 without one."""
        saves = self._store.list()
        return step_and_revision(saves[-1])[0] if saves else 0

    def load(self, take: Callable[[Mapping[str, Any]], None]) -> list[str]:
        """Give the newest state that is whole to ``take``; returns what is wrong with later ones.

        Raises:
            MemoryFolderError: It is of another robot or version.
            CheckpointError: Nothing can be read; the folder is left as it is.
        """
        loaded = self._store.load_latest()
        with restoring.part("memory"):
            version, robot, state = loaded.state["version"], loaded.state["robot"], loaded.state["state"]
        if version not in READ:
            raise MemoryFolderError(
                f"the memory in {loaded.path} has version {version}, this crl reads {' and '.join(map(str, READ))}",
                "install the crl that wrote it, or begin a new memory in another folder",
            )
        other = [name for name, mark in self._robot.items() if robot.get(name) != mark]
        if other:
            raise MemoryFolderError(
                f"the memory in {loaded.path} is of another robot: its {' and its '.join(other)} differ",
                "name the folder of this robot's memory, or begin a new memory in another folder",
            )
        take(state)
        return loaded.problems


def keep(run: Path, task: TaskSpec, agent: Agent, now: int) -> None:
    """Write what an agent remembers, if it remembers anything, into a run's folder.

    Args:
        run: The run's folder.
        task: Any task: what is observed and done.
        agent: Who remembers.
        now: Steps of missions and lives so far.
    """
    remembered = agent.remembered()
    if remembered is not None:
        MemoryFolder(run / MEMORY, robot_of(task.observation, task.action)).save(now, remembered)


def recollect(folder: Path, task: TaskSpec, agent: Agent) -> list[str]:
    """Let an agent go on with the memory in a folder; returns what is wrong with its newest saves.

    Raises:
        CrlError: It is of another robot, nothing of it can be read, or the agent remembers nothing.
    """
    return MemoryFolder(folder, robot_of(task.observation, task.action)).load(agent.recollect)
