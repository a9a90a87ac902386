"""A description of an environment that has none, read from its spaces, its time limit and its metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Space, Tuple

from crl.foreign.names import ForeignError

EPISODE_STEPS = 1000
"""Length of an episode whose environment has no time limit."""
PERIOD = 0.05
"""Seconds between two actions where the environment doesn't say (neither ``dt`` nor ``render_fps``)."""

Env = gymnasium.Env[Any, Any]


def describe(env: Env, name: str, repeat: int = 1) -> dict[str, Any]:
    """The description of a task, as an environment of one's own gives it (docs/how-to/own_environment.md).

    The reward and the end of an episode are said to be learned, since nobody gives them as functions.

    Args:
        env: The environment, with a flat observation of numbers.
        name: Name of the task.
        repeat: How often each action is repeated.

    Raises:
        ForeignError: The observation is a picture or holds things that are no numbers, or actions can not be
            sampled.
    """
    action = acted(env.action_space)
    choice = isinstance(env.action_space, Choice)
    low, high = action.low.reshape(-1).astype(float), action.high.reshape(-1).astype(float)
    middle = np.clip(np.zeros_like(low), low, high)
    return {
        "name": name,
        "control_period": repeat * _period(env),
        "episode_steps": math.ceil(_episode_steps(env) / repeat),
        "observation": _observation(env),
        "action": [
            {"name": f"action_{i}", "unit": "1", "low": float(low[i]), "high": float(high[i])} for i in range(len(low))
        ],
        "safe_action": np.where(np.arange(len(low)) == 0, high, low).tolist() if choice else middle.tolist(),
        "exploration": {"beta": 1.0, "std": ((high - low) / (8 if choice else 2)).tolist()},
        "choice": choice,
        "has_success": False,
        "learned_reward": True,
        "learned_terminated": True,
    }


def check_observation(space: Space[Any], at: str = "observation") -> None:
    """Refuse what can't be made a vector of numbers.

    Raises:
        ForeignError: See :func:`describe`.
    """
    if isinstance(space, Dict):
        for key, part in space.spaces.items():
            check_observation(part, f"{at}[{key!r}]")
    elif isinstance(space, Tuple):
        for i, part in enumerate(space.spaces):
            check_observation(part, f"{at}[{i}]")
    elif isinstance(space, Box):
        if len(space.shape) >= 2 and space.dtype == np.uint8:
            raise ForeignError(
                f"{at} is a picture of shape {space.shape}: models here read a vector of numbers, and there is no "
                "encoder of pictures",
                "use the environment's state, or a wrapper that encodes the picture as a vector",
            )
    elif not isinstance(space, Discrete | MultiDiscrete | MultiBinary):
        raise ForeignError(
            f"{at} is {space}, which is no vector of numbers", "wrap the environment so that it gives numbers"
        )


class Choice(Box):
    """Things to choose from as a box: an element for each, of which the largest is chosen.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        super().__init__(-1.0, 1.0, (count,), np.float32)


def acted(space: Space[Any]) -> Box:
    """The space of actions that planners sample from.

    Raises:
        ForeignError: It is neither a bounded box of real numbers nor one choice.
    """
    if isinstance(space, Discrete):
        if space.n < 2:
            raise ForeignError(f"actions are {space}: there is nothing to choose", "use another environment")
        return Choice(int(space.n))
    if not isinstance(space, Box):
        raise ForeignError(
            f"actions are {space}: planners here sample vectors of real numbers (Box), or one choice (Discrete)",
            "wrap the environment: a MultiDiscrete becomes one Discrete of all combinations",
        )
    if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
        raise ForeignError(
            f"the range of actions is not finite: {space}",
            "wrap it: gymnasium.wrappers.RescaleAction or ClipAction with bounds of your own",
        )
    return space


def _observation(env: Env) -> list[dict[str, Any]]:
    space = env.observation_space
    assert isinstance(space, Box)
    low, high = (bounds.reshape(-1).astype(float) for bounds in (space.low, space.high))
    return [
        {
            "name": name,
            "unit": "1",
            "low": float(low[i]) if _bounds(low[i]) else None,
            "high": float(high[i]) if _bounds(high[i]) else None,
        }
        for i, name in enumerate(_names(env, len(low)))
    ]


def _bounds(value: float) -> bool:
    """Whether a bound says something: the largest float is written for none."""
    return math.isfinite(value) and abs(value) < 1e18


def _names(env: Env, size: int) -> list[str]:
    """Names of the elements: those of a MuJoCo observation's parts, where the environment lists them, or numbers."""
    if env.has_wrapper_attr("observation_structure"):
        structure = env.get_wrapper_attr("observation_structure")
        if isinstance(structure, Mapping):
            names = [
                f"{part}_{i}"
                for part, count in structure.items()
                if isinstance(count, int) and not part.startswith("skipped")
                for i in range(count)
            ]
            if len(names) == size:
                return names
    return [f"observation_{i}" for i in range(size)]


def _period(env: Env) -> float:
    if env.has_wrapper_attr("dt"):
        dt = env.get_wrapper_attr("dt")
        if isinstance(dt, int | float | np.floating) and dt > 0:
            return float(dt)
    rate = (env.metadata or {}).get("render_fps")
    return 1.0 / float(rate) if isinstance(rate, int | float) and rate > 0 else PERIOD


def _episode_steps(env: Env) -> int:
    """The shortest time limit of the environment and its wrappers."""
    limits = [EPISODE_STEPS]
    if env.spec is not None and env.spec.max_episode_steps:
        limits = [int(env.spec.max_episode_steps)]
    if env.has_wrapper_attr("_max_episode_steps"):  # a TimeLimit around an environment that is not registered
        limits = [int(env.get_wrapper_attr("_max_episode_steps"))]
    return min(limits)
