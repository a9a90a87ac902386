"""Observations on which the reach monitor compares decisions: some that random episodes of the task meet."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from crl.config import Config
from crl.noise import exploration_actions
from crl.seeding import derive, numpy_generator
from crl.types import Array, TaskSpec


def collect_probes(env: gymnasium.Env[Any, Any], task: TaskSpec, config: Config) -> Array:
    """Observations [N, S], spread over an episode that follows the task's exploration prior.

    The episode teaches nothing and counts nowhere; it depends on the seed and the task alone.
    """
    count = config.monitor.probes
    random = numpy_generator(config.seed, "probes", task.index)
    actions = exploration_actions(task.exploration, task.action, task.episode_steps, random)
    keep = set(np.linspace(0, task.episode_steps - 1, count).astype(int).tolist())
    observation, _ = env.reset(seed=derive(config.seed, "probe episode", task.index) % 2**31)
    found: list[Array] = []
    for step in range(task.episode_steps):
        if step in keep:
            found.append(np.asarray(observation, np.float32))
        observation, _, terminated, truncated, _ = env.step(actions[step])
        if terminated or truncated or not np.isfinite(observation).all():
            break
    finite = [observation for observation in found if np.isfinite(observation).all()]
    return np.stack((finite * count)[:count]) if finite else np.empty((0, task.observation.size), np.float32)
