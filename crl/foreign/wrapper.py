"""An environment of anyone with a description around it, and its observation as one vector."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, utils

from crl.foreign.describing import Choice, acted, check_observation, describe
from crl.foreign.names import ForeignError


class Described(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Any environment, as a task.

    Observations that are dictionaries, tuples, numbers or arrays of any shape come out as one vector; the parts of a
    goal dictionary stand in the order of its space. Actions of any shape are taken as one vector. A choice
    (``Discrete``) becomes a vector with an element for each thing to choose; the largest is chosen.

    Args:
        env: The environment, wrapped or not.
        name: Name of the task.
        repeat: Steps that each action is kept for, at least 1. Their rewards are added up.

    Raises:
        ForeignError: It has pictures, or actions that are neither bounded numbers nor one choice; ``repeat`` is no
            whole number from 1.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], name: str, repeat: int = 1) -> None:
        super().__init__(env)
        if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 1:
            raise ForeignError(f"action.repeat is {repeat!r}", "give a whole number of steps, 1 or more")
        self._repeat = repeat
        self._inner = env.observation_space
        check_observation(self._inner)
        box = acted(env.action_space)
        self._given = env.action_space
        flat = utils.flatten_space(self._inner)
        assert isinstance(flat, Box)
        self.observation_space = flat
        choice = isinstance(box, Choice)
        self.action_space = box if choice else Box(box.low.reshape(-1), box.high.reshape(-1), dtype=box.dtype)
        self.task = describe(self, name, repeat)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._flat(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take a step, or as many as each action is repeated."""
        chosen = self._action(action)
        observation, reward, terminated, truncated, info = self.env.step(chosen)
        for _ in range(self._repeat - 1):
            if terminated or truncated:
                break
            observation, more, terminated, truncated, info = self.env.step(chosen)
            reward = float(reward) + float(more)
        return self._flat(observation), reward, terminated, truncated, info

    def _action(self, action: Any) -> Any:
        """An action as the environment takes it."""
        if isinstance(self._given, Discrete):
            return int(self._given.start) + int(np.argmax(action))
        return np.reshape(action, self._given.shape)

    def _flat(self, observation: Any) -> Any:
        return utils.flatten(self._inner, observation)


class Lent(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment that someone made and still owns: it is used, and never closed."""

    def close(self) -> None:
        """Leave it open: it is the owner's to close."""
