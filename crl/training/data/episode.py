"""Episodes with every field of their transitions as arrays: what is exported, and read again to learn from.

Formats of other libraries have no place for units, ranges and seeds, and most don't notice a damaged number. So a
description goes with the numbers (:func:`describe`): a JSON object with a digest of every episode and of itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl.errors import CrlError
from crl.types import Array, TaskSpec, Transition

COLUMNS = ("observations", "planned", "refined", "sent", "rewards")
"""Arrays of an episode."""
AGAIN = "export or copy it again"


@dataclass(frozen=True)
class Episode:
    """An episode of T steps.

    Attributes:
        task: The task.
        seed: Seed of the environment's initial state; ``None`` for a recording.
        observations: All observations, float32 [T + 1, S].
        planned: What the planner chose, float32 [T, A].
        refined: What the refiner made of it, float32 [T, A].
        sent: What passed the command filter and was executed, float32 [T, A].
        rewards: float64 [T].
        terminated: Whether the environment itself ended it, so that nothing comes after.
    """

    task: TaskSpec
    seed: int | None
    observations: Array
    planned: Array
    refined: Array
    sent: Array
    rewards: NDArray[np.float64]
    terminated: bool

    def __len__(self) -> int:
        return len(self.rewards)

    @classmethod
    def of(cls, task: TaskSpec, seed: int | None, steps: Sequence[Transition]) -> Episode:
        """The episode of transitions in order."""
        seen = [step.observation for step in steps] + [steps[-1].next_observation]
        planned, refined, sent = (
            np.stack([np.asarray(part, np.float32) for part in parts])
            for parts in zip(*((step.planned, step.refined, step.executed) for step in steps), strict=True)
        )
        rewards = np.array([step.reward for step in steps], np.float64)
        return cls(task, seed, np.stack(seen), planned, refined, sent, rewards, steps[-1].terminated)

    def columns(self) -> dict[str, Any]:
        """The arrays (:data:`COLUMNS`) and ``terminated``, by name."""
        return {name: getattr(self, name) for name in (*COLUMNS, "terminated")}


def describe(task: TaskSpec, episodes: Sequence[Episode]) -> dict[str, Any]:
    """What a file of episodes says beside their numbers, as a JSON object.

    Args:
        task: Their task.
        episodes: The episodes, in order.

    Returns:
        ``task``, ``control_period`` (s), ``observation`` and ``action`` with names, units and ranges, and of each
        episode ``seeds`` and ``digests``; ``digest`` is that of all the rest.
    """
    action = task.action
    told = {
        "task": task.name,
        "control_period": task.control_period,
        "observation": [
            {"name": field.name, "unit": field.unit, "kind": field.kind} for field in task.observation.fields
        ],
        "action": [
            {"name": name, "unit": unit, "low": low, "high": high}
            for name, unit, low, high in zip(action.names, action.units, action.low, action.high, strict=True)
        ],
        "seeds": [episode.seed for episode in episodes],
        "digests": [digest(episode.columns()) for episode in episodes],
    }
    return {**told, "digest": _digest_of(told)}


def digest(columns: Mapping[str, Any]) -> str:
    """SHA-256 over the arrays of an episode and how it ended."""
    made = hashlib.sha256()
    for name in COLUMNS:
        array = np.ascontiguousarray(columns[name])
        made.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        made.update(array.tobytes())
    made.update(b"terminated" if columns["terminated"] else b"cut off")
    return made.hexdigest()


def described(source: str, text: str) -> dict[str, Any]:
    """Read a description again.

    Args:
        source: Where it stands, for messages.
        text: What :func:`describe` gave, as JSON.

    Raises:
        CrlError: It is not one, or something in it was changed.
    """
    try:
        told = json.loads(text)
        rest = {key: value for key, value in told.items() if key != "digest"}
        whole = told["digest"] == _digest_of(rest)
        missing = {"task", "control_period", "observation", "action", "seeds", "digests"} - rest.keys()
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise CrlError(f"{source} is damaged: its description of the data can't be read ({error!r})", AGAIN) from error
    if not whole or missing:
        raise CrlError(f"{source} is damaged: its description of the data was changed after it was written", AGAIN)
    return dict(told)


def as_data(source: str, told: Mapping[str, Any], episodes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a reader of recorded data returns for episodes that were exported (group ``crl.recorded_data``).

    Args:
        source: Where they are from, for messages.
        told: Their description.
        episodes: The columns of each (:meth:`Episode.columns`), in order.

    Raises:
        CrlError: There are more or fewer than were written, or one is not as it was written.
    """
    if len(episodes) != len(told["digests"]):
        raise CrlError(f"{source} is damaged: it holds {len(episodes):,} episodes of {len(told['digests']):,}", AGAIN)
    for number, (columns, expected) in enumerate(zip(episodes, told["digests"], strict=True)):
        if digest(columns) != expected:
            raise CrlError(f"{source} is damaged: episode {number} does not hold what was written", AGAIN)
    action = told["action"]
    return {
        "observation": [(item["name"], item["unit"]) for item in told["observation"]],
        "action": [(item["name"], item["unit"], item["low"], item["high"]) for item in action],
        "period": told["control_period"],
        # A recording of a robot is of no task: it was given a name for the file alone.
        "task": None if None in told["seeds"] else told["task"],
        "segments": [(columns["observations"], columns["sent"]) for columns in episodes],
        "steps": [
            {
                "planned": columns["planned"],
                "refined": columns["refined"],
                "rewards": None if seed is None else columns["rewards"],  # a recording knows none
                "terminated": columns["terminated"],
            }
            for columns, seed in zip(episodes, told["seeds"], strict=True)
        ],
        "messages": sum(len(columns["observations"]) for columns in episodes),
        "left_out": {},
    }


def _digest_of(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
