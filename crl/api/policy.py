"""What a run has learned to do on one task, as a policy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl.agents.base import Agent
from crl.types import Array, TaskSpec, Transition


class Policy:
    """Acts on one task, without exploration and without learning. Made by :meth:`crl.api.Run.policy`.

    Args:
        agent: Who acts; nobody else may use it.
        task: The task.
    """

    def __init__(self, agent: Agent, task: TaskSpec) -> None:
        self.task = task
        self._agent = agent
        self._episode = -1
        self.reset()

    def reset(self) -> None:
        """Begin an episode: a planner forgets its last plan."""
        self._episode += 1
        self._before: tuple[Array, Array] | None = None
        self._steps = 0
        self._agent.begin(self.task, self._episode, explore=False)

    def act(self, observation: NDArray[Any]) -> Array:
        """The action [A] for an observation [S].

        The action returned before is taken as executed: an agent may read from it what its body does.

        Raises:
            ValueError: The observation has another shape.
        """
        seen = np.asarray(observation, np.float32)
        if seen.shape != (self.task.observation.size,):
            raise ValueError(
                f"an observation of {self.task.name!r} has shape ({self.task.observation.size},), not {seen.shape}"
            )
        if self._before is not None:
            observation, sent = self._before
            first = self._steps == 1
            self._agent.follow(
                Transition(self.task.index, observation, sent, sent, sent, math.nan, seen, first=first, last=False)
            )
        action = self._agent.act(seen).action.copy()
        self._before, self._steps = (seen.copy(), action), self._steps + 1
        return action.copy()

    def predict(
        self,
        observation: NDArray[Any],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Array, Any]:
        """As policies of Stable-Baselines3 do, so that its evaluation helpers take this one.

        Args:
            observation: [S], or [1, S] from a vectorised environment with one member.
            state: Returned as it is.
            episode_start: True (or [True]) at the first step of an episode.
            deterministic: Without effect: the policy does not explore.

        Returns:
            The action, [A] or [1, A], and ``state``.

        Raises:
            ValueError: There is more than one environment: a planner has one warm start.
        """
        del deterministic
        seen = np.asarray(observation, np.float32)
        if episode_start is not None and bool(np.any(episode_start)):
            self.reset()
        if seen.ndim == 1:
            return self.act(seen), state
        if len(seen) != 1:
            raise ValueError(f"{len(seen)} environments at once: make one policy for each")
        return self.act(seen[0])[None], state
