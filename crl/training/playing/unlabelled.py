"""Episodes in which the agent is not told which task it is in: it infers that from what happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

from crl.agents.base import Agent
from crl.memory.recall.labels import TaskInference
from crl.training.playing.episode import Observer
from crl.types import TaskSpec, Transition

UNSETTLED = 20
"""Steps at the beginning of an episode that are not counted: nobody can know the task at once."""


class Unlabelled(Observer):
    """Tells the agent the task that it infers itself, step by step, in place of the true one.

    The reward that is planned for stays the task's own: what is wanted is given, what the body is like is not.

    Args:
        agent: Who acts.
        task: The true task, for counting alone.
        inference: The agent's inference.
        owners: The true task of every label, where the agent has labels of its own; by default they are the tasks.
    """

    def __init__(
        self, agent: Agent, task: TaskSpec, inference: TaskInference, owners: Mapping[int, int] | None = None
    ) -> None:
        self._agent, self._task, self._inference = agent, task, inference
        self._owners = owners
        self._steps = self._right = self._counted = 0

    def begin(self, env: gymnasium.Env[Any, Any], info: Mapping[str, Any]) -> None:
        """Nothing is known of the task yet."""
        del env, info
        self._steps = 0
        self._agent.tell(self._inference.begin())

    def step(self, transition: Transition, info: Mapping[str, Any]) -> None:
        """Count the label that was acted by, and infer the next."""
        del info
        self._steps += 1
        if self._steps > UNSETTLED:
            self._counted += 1
            believed = self._inference.believed
            self._right += (believed if self._owners is None else self._owners[believed]) == self._task.index
        self._agent.tell(self._inference.update(transition))

    @property
    def right(self) -> float | None:
        """Share of steps after the first 20 of each episode with the true label; ``None`` if there were none."""
        return self._right / self._counted if self._counted else None
