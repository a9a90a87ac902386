"""Parts of episodes, played to look at them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crl.environment import TaskEnvironment
from crl.types import as_array

Flags = tuple[bool, bool, bool]


@dataclass(frozen=True)
class Played:
    """A part of an episode.

    Attributes:
        observations: float32 [steps + 1, S]; [steps, S] where it goes on from somewhere.
        actions: Executed actions [steps, A].
        rewards: [steps].
        flags: Terminated, truncated and succeeded, after every step.
        fault: What ended it, if the environment failed; that step is left out.
    """

    observations: NDArray[np.float32]
    actions: NDArray[np.float32]
    rewards: NDArray[np.float64]
    flags: list[Flags]
    fault: str | None = None

    def same(self, other: Played) -> bool:
        """Whether both are equal to the bit."""
        return (
            np.array_equal(self.observations, other.observations)
            and np.array_equal(self.rewards, other.rewards)
            and self.flags == other.flags
            and self.fault == other.fault
        )

    def alike(self, other: Played) -> bool:
        """Whether both are equal but for rounding."""
        return (
            self.flags == other.flags
            and np.allclose(self.observations, other.observations, rtol=0, atol=1e-6)
            and np.allclose(self.rewards, other.rewards, rtol=0, atol=1e-6)
        )


def play(
    env: TaskEnvironment,
    steps: int,
    *,
    seed: int | None = None,
    actions: NDArray[np.float32] | None = None,
    until: float = math.inf,
) -> Played:
    """Play up to ``steps`` steps.

    Args:
        env: Where.
        steps: How many at most.
        seed: Reset with it first; ``None`` goes on from where the environment is.
        actions: What to do; by default always the same random actions.
        until: Monotonic time at which to stop.
    """
    observations, rewards, flags, fault = [], [], [], None
    if seed is not None:
        observation, info = env.reset(seed=seed)
        fault = info.get("fault")
        observations = [] if fault else [observation]
    if actions is None:
        actions = random_actions(env, steps)
    for action in actions[:steps] if fault is None else ():
        observation, reward, terminated, truncated, info = env.step(action)
        fault = info.get("fault")
        if fault is not None:
            break
        observations.append(observation)
        rewards.append(reward)
        flags.append((terminated, truncated, bool(info.get("is_success"))))
        if terminated or truncated or time.monotonic() > until:
            break
    size = env.task_spec.observation.size
    return Played(
        np.array(observations, np.float32).reshape(-1, size),
        np.asarray(actions[: len(rewards)]),
        np.array(rewards, np.float64),
        flags,
        None if fault is None else str(fault),
    )


def random_actions(env: TaskEnvironment, steps: int) -> NDArray[np.float32]:
    """Actions [steps, A] drawn from their range, always the same ones."""
    action = env.task_spec.action
    drawn = np.random.default_rng(0).uniform(action.low, action.high, (steps, action.size))
    return np.clip(drawn.astype(np.float32), as_array(action.low), as_array(action.high))
