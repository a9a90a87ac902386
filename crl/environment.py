"""The one place where someone's environment meets an agent, in training, evaluation, replay and checks.

What comes out are float32 observations of their own memory, and plain numbers; what goes in is a copy in the type that
the environment's action space asks for. Whatever is wrong with the environment (an exception, a missing value, a shape,
a number that is not finite or out of all proportion) comes out as ``info["fault"]``, with an observation of NaN, and
ends the episode: the loop learns nothing of such a step and goes on with the next episode.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from crl.errors import raised
from crl.types import Array, TaskSpec

LARGEST = 1e18
"""Squares of larger numbers overflow float32, and learning squares."""
JUMP = 1e9
"""A number that is this many times larger than all before it in the episode (and than 1) is a fault: float32 has seven
digits, so normalisers that have met it see no difference between ordinary values any more."""

Step = tuple[Array, float, bool, bool, dict[str, Any]]


def described_layer(env: gymnasium.Env[Any, Any]) -> Any:
    """The layer that describes a task: the outermost wrapper with a dictionary ``task``, or else the environment."""
    layer: Any = env
    while not isinstance(getattr(layer, "task", None), Mapping) and isinstance(layer, gymnasium.Wrapper):
        layer = layer.env
    return layer


class TaskEnvironment(gymnasium.Wrapper[Array, Array, Any, Any]):
    """A task's environment as agents meet it; see the module's text.

    Args:
        env: The environment, with all its wrappers.
        task: Its task.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], task: TaskSpec) -> None:
        super().__init__(env)
        self.task_spec = task
        self._size = task.observation.size
        self._names = [item.name for item in task.observation.fields]
        self._steps = 0
        self._most: Array = np.ones(self._size, np.float32)
        self._most_reward = 1.0
        space = env.action_space
        self._box = space if isinstance(space, Box) else None

    # ------------------------------------------------------------------ Gymnasium
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start an episode; an observation of NaN and ``info["fault"]`` if that fails."""
        self._steps = 0
        self._most = np.ones(self._size, np.float32)
        self._most_reward = 1.0
        given = {} if options is None else {"options": options}
        try:
            returned: Any = self.env.reset(seed=seed, **given)
        except (Exception, SystemExit) as error:  # someone else's code, which may also leave the program
            return self._nothing(), {"fault": f"the simulator raised {raised(error)} in reset()"}
        if not isinstance(returned, tuple) or len(returned) != 2:
            return self._nothing(), {"fault": f"reset() returned {_kind(returned)}, not (observation, info)"}
        observation, fault = self._observation(returned[0], "began with")
        info, fault = _info(returned[1], fault, "reset()")
        return (observation, info) if fault is None else (self._nothing(), {**info, "fault": fault})

    def step(self, action: Array) -> Step:
        """Take a step; ``info["fault"]`` says what was wrong with it, if anything."""
        self._steps += 1
        try:
            returned: Any = self.env.step(self._sent(action))
        except (Exception, SystemExit) as error:  # someone else's code, which may also leave the program
            return self._failed({}, f"the simulator raised {raised(error)} in step {self._steps} of the episode")
        if not isinstance(returned, tuple) or len(returned) != 5:
            expected = "(observation, reward, terminated, truncated, info)"
            return self._failed({}, f"step() returned {_kind(returned)}, not {expected}")
        observation, fault = self._observation(returned[0], "returned")
        reward, fault = self._reward(returned[1], fault)
        (terminated, truncated), fault = _flags(returned[2:4], fault)
        info, fault = _info(returned[4], fault, "step()")
        if "fault" in info:  # the environment's own word
            fault = str(info["fault"])
        if fault is not None:
            return self._failed(info, fault)
        return observation, reward, terminated, truncated, info

    # ------------------------------------------------------------------ parts
    def _sent(self, action: Array) -> Any:
        """A copy of an action in the type of the action space, inside the bounds that float32 can't express."""
        if self._box is None or self._box.dtype == np.float32:
            return np.array(action, dtype=np.float32)
        if self._box.dtype is not None and np.issubdtype(self._box.dtype, np.integer):
            return np.rint(action).astype(self._box.dtype)
        low, high = self._box.low, self._box.high
        sent = np.array(action, dtype=self._box.dtype)
        if sent.shape == low.shape:
            sent = np.where(np.float32(action) == low.astype(np.float32), low, sent)
            sent = np.where(np.float32(action) == high.astype(np.float32), high, sent)
        return sent

    def _observation(self, value: Any, did: str) -> tuple[Array, str | None]:
        """A copy of an observation as float32 [S], and what is wrong with it."""
        if value is None or isinstance(value, str | bytes | Mapping):
            return self._nothing(), f"the simulator {did} {_kind(value)} as its observation, not an array of numbers"
        try:
            with np.errstate(over="ignore"):  # what float32 can't hold is found below
                observation = np.array(value, dtype=np.float32)
        except (TypeError, ValueError):
            return self._nothing(), f"the simulator {did} {_kind(value)} as its observation, not an array of numbers"
        if observation.shape != (self._size,):
            shapes = f"{observation.shape} instead of ({self._size},)"
            return observation, f"the simulator {did} an observation of shape {shapes}"
        if not np.isfinite(observation).all():
            return observation, f"the simulator {did} a number that is not finite"
        size = np.abs(observation)
        if (size > LARGEST).any() or (self._steps and (size > JUMP * self._most).any()):
            at = int(np.argmax(size / self._most))
            return observation, self._huge(did, f"{self._element(at)} = {observation[at]:.3g}", self._most[at])
        self._most = np.maximum(self._most, size)
        return observation, None

    def _reward(self, value: Any, fault: str | None) -> tuple[float, str | None]:
        """A reward as a plain number."""
        if fault is not None:
            return math.nan, fault
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" or array.size != 1:
            return math.nan, f"step() returned the reward {_kind(value)}, not a number"
        reward = float(array.item())
        if not math.isfinite(reward):
            return reward, "the simulator returned a number that is not finite"
        if abs(reward) > min(LARGEST, JUMP * self._most_reward):
            return reward, self._huge("returned", f"the reward {reward:.3g}", self._most_reward)
        self._most_reward = max(self._most_reward, abs(reward))
        return reward, None

    def _huge(self, did: str, what: str, before: float) -> str:
        beside = f"; nothing before it in the episode was larger than {before:.3g}" if self._steps else ""
        return f"the simulator {did} {what}, which is out of all proportion{beside}"

    def _element(self, at: int) -> str:
        """Name of an element of the observation."""
        offsets = self.task_spec.observation.offsets()
        return self._names[max(i for i, offset in enumerate(offsets) if offset <= at)]

    def _failed(self, info: dict[str, Any], fault: str) -> Step:
        return self._nothing(), math.nan, False, True, {**info, "fault": fault}

    def _nothing(self) -> Array:
        return np.full(self._size, np.nan, np.float32)


def _info(value: Any, fault: str | None, call: str) -> tuple[dict[str, Any], str | None]:
    """A copy of an info, and what is wrong with it unless something else is already."""
    if isinstance(value, Mapping):
        return dict(value), fault
    return {}, fault or f"{call} returned {_kind(value)} as its info, not a dictionary"


def _flags(values: Any, fault: str | None) -> tuple[list[bool], str | None]:
    """``terminated`` and ``truncated`` as plain truths."""
    try:
        return [bool(value) for value in values], fault
    except (TypeError, ValueError):
        return [False, True], fault or "step() returned a terminated or truncated that is neither true nor false"


def _kind(value: Any) -> str:
    """What a foreign value is, briefly."""
    if value is None or isinstance(value, int | float | str):
        return f"{value!r:.60}"
    if isinstance(value, tuple):
        return f"{len(value)} values"
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__}" + (f" of shape {tuple(shape)}" if shape is not None else "")
