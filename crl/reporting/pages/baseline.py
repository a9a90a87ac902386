"""What is reached without learning: by uniformly random actions, the zero of normalised scores, or by doing nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from crl.sequences import TaskSequence
from crl.types import TaskSpec


def random_returns(sequence: TaskSequence, *, episodes: int, seed: int) -> dict[str, float]:
    """Mean return of uniformly random actions, by name of the task.

    Args:
        sequence: The task sequence.
        episodes: Episodes per task.
        seed: Seed of the first episode's initial state, the others follow; that of the evaluations gives the same
            initial states as theirs. Actions are seeded by it, too.
    """
    return _returns(sequence, lambda env, spec: env.action_space.sample, episodes=episodes, seed=seed)


def idle_returns(sequence: TaskSequence, *, episodes: int, seed: int) -> dict[str, float]:
    """Mean return of the safe action at every step, by name of the task; see :func:`random_returns`."""

    def idle(env: gymnasium.Env[Any, Any], spec: TaskSpec) -> Callable[[], Any]:
        action = np.asarray(spec.safe_action, env.action_space.dtype)
        return lambda: action

    return _returns(sequence, idle, episodes=episodes, seed=seed)


def _returns(
    sequence: TaskSequence,
    actions: Callable[[gymnasium.Env[Any, Any], TaskSpec], Callable[[], Any]],
    *,
    episodes: int,
    seed: int,
) -> dict[str, float]:
    """Mean returns of what ``actions`` gives for an environment."""
    means: dict[str, float] = {}
    for index in range(len(sequence)):
        spec = sequence.spec(index)
        name = spec.name
        if name in means:
            continue
        env = sequence.make(index)
        env.action_space.seed(seed)
        act = actions(env, spec)
        returns: NDArray[np.float64] = np.zeros(episodes)
        for episode in range(episodes):
            env.reset(seed=seed + episode)
            for _ in range(spec.episode_steps):
                _, reward, terminated, truncated, info = env.step(act())
                if "fault" not in info:  # what came before it counts
                    returns[episode] += float(reward)
                if terminated or truncated:
                    break
        env.close()
        means[name] = float(returns.mean())
    return means
