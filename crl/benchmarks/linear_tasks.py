"""A cheap sequence of very many tasks: linear systems, each with matrices of its own, as large as the pusher's task.

x' = x + 0.1 (A x + B u), and the reward is -|x|^2. A step costs microseconds, so that what grows with the number of
tasks can be seen.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

STATES, ACTIONS = 10, 2
EPISODE_STEPS = 20
MOST = 10_000


class LinearTask(gymnasium.Env[Any, Any]):
    """One linear system.

    Args:
        number: Its number, from which its matrices follow.
    """

    def __init__(self, number: int = 0) -> None:
        rng = np.random.default_rng([2026, number])
        self._pull = (rng.normal(size=(STATES, STATES)) / STATES - np.eye(STATES)).astype(np.float32)
        self._push = rng.normal(size=(STATES, ACTIONS)).astype(np.float32)
        self.observation_space = Box(-np.inf, np.inf, (STATES,), np.float32)
        self.action_space = Box(-1.0, 1.0, (ACTIONS,), np.float32)
        self.task = {
            "name": f"linear_{number}",
            "control_period": 0.1,
            "episode_steps": EPISODE_STEPS,
            "observation": [{"name": f"x{index}", "unit": "1"} for index in range(STATES)],
            "action": [{"name": f"u{index}", "unit": "1", "low": -1.0, "high": 1.0} for index in range(ACTIONS)],
            "safe_action": [0.0] * ACTIONS,
            "exploration": {"beta": 1.0, "std": [0.7] * ACTIONS},
            "has_success": False,
        }

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin at a state drawn from a standard normal distribution."""
        super().reset(seed=seed)
        self._state = self.np_random.standard_normal(STATES).astype(np.float32)
        self._steps = 0
        return self._state.copy(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One step of 0.1 s."""
        before = self._state
        force = np.asarray(action, np.float32)
        self._state = (before + 0.1 * (self._pull @ before + self._push @ force)).astype(np.float32)
        self._steps += 1
        reward = float(self.reward(before, force, self._state))
        return self._state.copy(), reward, False, self._steps == EPISODE_STEPS, {}

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Minus the squared distance of the next states [..., 10] from the origin, [...]."""
        return -(next_observation**2).sum(-1)


gymnasium.register("crl_benchmarks/Linear-v0", entry_point="crl.benchmarks.linear_tasks:LinearTask")

LINEAR = {
    "name": "linear",
    "description": "very many linear systems, for measurements",
    "tasks": [
        {
            "name": f"linear_{number}",
            "id": "crl.benchmarks.linear_tasks:crl_benchmarks/Linear-v0",
            "kwargs": {"number": number},
        }
        for number in range(MOST)
    ],
}
"""The sequence, as ``env=crl.benchmarks.linear_tasks:LINEAR`` names it."""
