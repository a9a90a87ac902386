"""The zero of normalised scores: what uniformly random actions reach on every task of a sequence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crl.sequences import TaskSequence


def random_returns(sequence: TaskSequence, *, episodes: int, seed: int) -> dict[str, float]:
    """Mean return of uniformly random actions, by name of the task.

    Args:
        sequence: The task sequence.
        episodes: Episodes per task.
        seed: Seed of the first episode's initial state, the others follow; that of the evaluations gives the same
            initial states as theirs. Actions are seeded by it, too.
    """
    means: dict[str, float] = {}
    for index in range(len(sequence)):
        spec = sequence.spec(index)
        name = spec.name
        if name in means:
            continue
        env = sequence.make(index)
        env.action_space.seed(seed)
        returns: NDArray[np.float64] = np.zeros(episodes)
        for episode in range(episodes):
            env.reset(seed=seed + episode)
            for _ in range(spec.episode_steps):
                _, reward, terminated, truncated, info = env.step(env.action_space.sample())
                if "fault" not in info:  # what came before it counts
                    returns[episode] += float(reward)
                if terminated or truncated:
                    break
        env.close()
        means[name] = float(returns.mean())
    return means
