"""Environments as other people write them: of other types, wrapped, and broken in one way of choice.

All are slides (:mod:`tests.tiny`) underneath, so that what is only of another kind must give the same runs to the bit.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from tests.tiny import Slide

KINDS = ("float64", "reused", "writes", "endless", "wrapped", "pair_of_flags")
"""Ways to be another's that change nothing of what is learned."""
FAULTS: Mapping[str, str] = {
    "raise_step": r"the simulator raised ZeroDivisionError: no way \(foreign\.py, line \d+\) in step 3 of the episode",
    "raise_reset": r"the simulator raised KeyError: 'start' \(foreign\.py, line \d+\) in reset\(\)",
    "raise_reward": r"the simulator raised AttributeError: .*\(foreign\.py, line \d+\) in step 3",
    "leave_step": r"the simulator raised SystemExit: 3 \(foreign\.py, line \d+\) in step 3 of the episode",
    "reward_none": r"step\(\) returned the reward None, not a number",
    "reward_text": r"step\(\) returned the reward 'much', not a number",
    "reward_array": r"step\(\) returned the reward ndarray of shape \(2,\), not a number",
    "info_none": r"step\(\) returned None as its info, not a dictionary",
    "reset_bare": r"reset\(\) returned ndarray of shape \(2,\), not \(observation, info\)",
    "reset_info_none": r"reset\(\) returned None as its info, not a dictionary",
    "four_values": r"step\(\) returned 4 values, not \(observation, reward, terminated, truncated, info\)",
    "observation_none": r"returned None as its observation, not an array of numbers",
    "observation_dict": r"returned dict as its observation, not an array of numbers",
    "observation_text": r"returned 'left' as its observation, not an array of numbers",
    "outlier": r"returned x = 1e\+30, which is out of all proportion; nothing before it in the episode was larger than",
    "jump": r"returned v = -1e\+12, which is out of all proportion",
    "reset_outlier": r"began with x = 1e\+30, which is out of all proportion",
    "reward_outlier": r"returned the reward 1e\+30, which is out of all proportion",
    "too_large_for_float32": r"returned a number that is not finite",
}
"""Ways to be broken at step 3 (or in reset), and the words that name each."""


class Foreign(Slide):
    """A slide in another manner.

    Args:
        manner: One of :data:`KINDS` or :data:`FAULTS`.
        gain: As for the slide.
    """

    def __init__(self, manner: str = "", gain: float = 1.0) -> None:
        if manner == "raise_init":
            raise KeyError("licence")
        super().__init__(gain)
        self.manner = manner
        self._shown: NDArray[np.float32] = np.zeros(2, np.float32)
        if manner == "float64":
            self.observation_space = Box(-np.inf, np.inf, (2,), np.float64)
            self.action_space = Box(-1.0, 1.0, (1,), np.float64)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        observation, info = super().reset(seed=seed)
        manner = self.manner
        if manner == "raise_reset":
            raise KeyError("start")
        if manner == "reset_bare":
            return observation
        if manner == "reset_outlier":
            observation[0] = 1e30
        return self._show(observation), None if manner == "reset_info_none" else info

    def step(self, action: Any) -> Any:
        manner, third = self.manner, self.steps == 2
        if manner == "float64":
            assert action.dtype == np.float64
            action = action.astype(np.float32)
        if manner == "raise_step" and third:
            raise ZeroDivisionError("no way")
        if manner == "leave_step" and third:
            sys.exit(3)
        observation, reward, terminated, truncated, info = super().step(action)
        if manner == "writes":
            action[:] = np.nan
        if manner == "endless":
            truncated = False
        if third:
            if manner == "raise_reward":
                reward = self.rewards.mean()  # type: ignore[attr-defined]
            rewards = {"reward_none": None, "reward_text": "much", "reward_array": np.ones(2), "reward_outlier": 1e30}
            reward = rewards.get(manner, reward)
            observation = self._broken(observation)
        info = None if manner == "info_none" and third else info
        if manner == "four_values" and third:
            return observation, reward, truncated, info
        if manner == "pair_of_flags":
            return observation, np.float64(reward), np.bool_(terminated), np.array(truncated), info
        return self._show(observation), reward, terminated, truncated, info

    def _broken(self, observation: Any) -> Any:
        numbers = {"outlier": (0, 1e30), "jump": (1, -1e12)}
        if self.manner in numbers:
            at, value = numbers[self.manner]
            observation[at] = value
        others = {
            "observation_none": None,
            "observation_dict": {"x": 1.0},
            "observation_text": "left",
            "too_large_for_float32": np.array([1e300, 0.0]),
        }
        return others.get(self.manner, observation)

    def _show(self, observation: Any) -> Any:
        if self.manner == "float64":
            return observation.astype(np.float64)
        if self.manner == "reused":
            self._shown[:] = observation
            return self._shown
        return observation


class Described(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Describes someone's environment, that knows nothing of it, from outside."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        inner: Any = env.unwrapped
        self.task, self._inner = inner.plain, inner

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        return self._inner.pay(observation, action, next_observation)

    def success(self, observation: Any) -> Any:
        return abs(observation[..., 0]) < 0.3


class Undescribed(Slide):
    """A slide with other names, and one of ours for something else."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__(gain)
        self.plain = self.task
        self.task = "slide"  # type: ignore[assignment]
        self.success = None  # type: ignore[assignment]
        self.solved = False

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.task = self.plain
        result = super().reset(seed=seed)
        self.task = "slide"  # type: ignore[assignment]
        return result

    def step(self, action: Any) -> Any:
        self.goal = "push"  # asks for no success()
        observation, reward, terminated, truncated, info = super().step(action)
        self.solved = self.solved or bool(abs(observation[0]) < 0.3)
        self.near = getattr(self, "near", False) if self.steps > 1 else False
        self.near = self.near or bool(abs(observation[0]) < 0.3)
        return observation, reward, terminated, truncated, {**info, "is_success": self.near}

    def pay(self, observation: Any, action: Any, next_observation: Any) -> Any:
        return super().reward(observation, action, next_observation)

    def set_state(self, qpos: Any, qvel: Any) -> None:
        """As Gymnasium's own MuJoCo environments have it: none of our hooks."""


class Pendulum(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Gymnasium's pendulum with a description around it: what a newcomer writes.

    Args:
        options: Arguments of the pendulum.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(gymnasium.make("Pendulum-v1", **options))
        self.task = {
            "name": "pendulum",
            "control_period": 0.05,
            "episode_steps": 200,
            "observation": [
                {"name": "cosine", "unit": "1", "low": -1.0, "high": 1.0},
                {"name": "sine", "unit": "1", "low": -1.0, "high": 1.0},
                {"name": "rate", "unit": "rad/s"},
            ],
            "action": [{"name": "torque", "unit": "N m", "low": -2.0, "high": 2.0}],
            "safe_action": [0.0],
            "exploration": {"beta": 1.0, "std": [1.0]},
            "has_success": False,
        }

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        from array_api_compat import array_namespace

        xp = array_namespace(observation)
        angle = xp.atan2(observation[..., 1], observation[..., 0])
        return -(angle**2 + 0.1 * observation[..., 2] ** 2 + 0.001 * action[..., 0] ** 2)


gymnasium.register("crl_tests/Foreign-v0", entry_point=Foreign)
gymnasium.register("crl_tests/Described-v0", entry_point=lambda gain=1.0: Described(Undescribed(gain)))
gymnasium.register("crl_tests/Pendulum-v0", entry_point=Pendulum)


def _sequence(env: str, *tasks: Mapping[str, Any]) -> dict[str, Any]:
    entries = [
        {"name": f"slide_{i}", "id": f"tests.foreign:crl_tests/{env}-v0", "kwargs": dict(kwargs)}
        for i, kwargs in enumerate(tasks)
    ]
    return {"name": "foreign", "description": "for tests", "tasks": entries}


def __getattr__(name: str) -> dict[str, Any]:
    """A sequence of two slides in a manner, by its name in capitals."""
    manner = name.lower()
    if manner not in (*KINDS, *FAULTS, "raise_init"):
        raise AttributeError(name)
    if manner == "wrapped":
        return _sequence("Described", {"gain": 1.0}, {"gain": -1.5})
    return _sequence("Foreign", {"manner": manner, "gain": 1.0}, {"manner": manner, "gain": -1.5})


PENDULUMS = {
    "name": "pendulums",
    "description": "Gymnasium's pendulum under three gravities",
    "tasks": [{"name": f"g_{g}", "id": "tests.foreign:crl_tests/Pendulum-v0", "kwargs": {"g": g}} for g in (10.0, 5.0)],
}
