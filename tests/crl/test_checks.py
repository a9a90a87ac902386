"""The public checker passes what is sound and catches each broken promise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest

from crl.checks import CheckFailed, check_task_sequence
from crl.sequences import TaskEntry, TaskSequence


class Drift(gymnasium.Env[np.ndarray, np.ndarray]):
    """A point that is pushed, with one defect of choice."""

    def __init__(self, gain: float = 1.0, defect: str = "") -> None:
        self.gain, self.defect = gain, defect
        high = 2.0 if defect == "bounds" else 1.0
        dtype = np.float64 if defect == "dtype" else np.float32
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), dtype)
        self.action_space = gymnasium.spaces.Box(-high, high, (1,), np.float32)
        self.hidden = 0.0
        self.task = {
            "name": "drift",
            "control_period": 0.1,
            "episode_steps": 12,
            "observation": [{"name": "x", "unit": "m"}, {"name": "v", "unit": "m/s"}],
            "action": [{"name": "u", "unit": "1", "low": -1.0, "high": 1.0}],
            "safe_action": [3.0 if defect == "spec" else 0.0],
            "exploration": {"beta": 1.0, "std": [0.5]},
        }

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        draw = np.random.default_rng().normal(size=2) if self.defect == "seed" else self.np_random.normal(size=2)
        self.state = np.zeros(2) if self.defect == "constant" else draw
        self.steps = 0
        if self.defect != "memory":
            self.hidden = 0.0
        return self.observation(), {}

    def observation(self) -> np.ndarray:
        return self.state.astype(np.float64 if self.defect == "dtype" else np.float32)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        before = self.observation()
        action = np.clip(action, -1, 1).astype(np.float32)
        self.hidden += float(action[0])
        noise = 0.0 if self.defect == "constant" else 0.01 * self.np_random.normal()
        self.state += 0.1 * np.array([self.state[1], self.gain * float(action[0]) + 0.1 * self.hidden + noise])
        self.steps += 1
        after = self.observation()
        if self.defect == "nan":
            after[0] = np.nan
        reward = float(self.reward(before, action, after)) + (0.1 if self.defect == "reward" else 0.0)
        info = {} if self.defect == "info" else {"is_success": bool(self.success(after))}
        length = 9 if self.defect == "length" else 12
        return after, reward, False, self.steps >= length, info

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        if self.defect == "numpy_only":
            return np.cos(next_observation[..., 0].copy())
        if self.defect == "batch":
            return next_observation[0] * 1.0
        if self.defect == "order":  # right for single steps and wrong for batches
            return next_observation[..., 0] - next_observation.reshape(-1)[0] * 0.5
        return -(next_observation[..., 0] ** 2) - 0.1 * action[..., 0] ** 2

    def success(self, observation: Any) -> Any:
        near = abs(observation[..., 0]) < 0.1
        return near * 1.0 if self.defect == "success" else near

    def get_state(self) -> dict[str, Any]:
        hidden = 0.0 if self.defect == "hidden" else self.hidden
        random = None if self.defect == "random" else self.np_random.bit_generator.state
        return {"state": self.state.copy(), "steps": self.steps, "hidden": hidden, "random": random}

    def set_state(self, state: dict[str, Any]) -> None:
        self.state, self.steps, self.hidden = state["state"].copy(), state["steps"], state["hidden"]
        if state["random"] is not None:
            self.np_random.bit_generator.state = state["random"]


class Forgetful(Drift):
    """Offers only half of what resuming needs."""

    get_state = property()  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    gymnasium.register("test/Drift-v0", entry_point=Drift)
    gymnasium.register("test/Forgetful-v0", entry_point=Forgetful)
    yield
    del gymnasium.registry["test/Drift-v0"], gymnasium.registry["test/Forgetful-v0"]


def drifts(*arguments: dict[str, Any], names: str = "abc", env: str = "Drift") -> TaskSequence:
    entries = (TaskEntry(name, f"test/{env}-v0", kwargs) for name, kwargs in zip(names, arguments, strict=False))
    return TaskSequence("drifts", "for tests", tuple(entries))


@pytest.mark.parametrize("name", ["cartpole_length", "door_open"])
def test_the_packages_sequences_pass(name: str, recwarn: pytest.WarningsRecorder) -> None:
    check_task_sequence(name, steps=16)
    assert not [str(warning.message) for warning in recwarn.list]


def test_a_sound_sequence_passes_with_a_task_that_comes_again() -> None:
    check_task_sequence(drifts({}, {"gain": 2.0}, {}, names="aba"))


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        ("spec", r"safe_action\[0\] = 3\.0 is outside"),
        pytest.param("bounds", r"action_space\.low is", marks=pytest.mark.filterwarnings("ignore")),
        ("dtype", "observation space is .* float32"),
        ("seed", "task 0 .'a'. .*(two episodes with the seed|check_env)"),
        ("memory", "task 0 .'a'. .*(two episodes with the seed|check_env)"),
        ("constant", "the seed changes nothing"),
        pytest.param("nan", "may hold NaN", marks=pytest.mark.filterwarnings("ignore")),
        ("info", "info\\['is_success'\\] is None at step 1"),
        ("length", "is truncated after step 9, episode_steps is 12"),
        ("hidden", "in the same environment the episode goes on differently"),
        ("random", "the episode goes on differently"),
        ("reward", "differs from the rewards of the steps"),
        ("numpy_only", "can't be computed with torch"),
        ("batch", "reward with numpy has the shape|differs from"),
        ("order", "reward with numpy differs from that of single steps"),
        ("success", "success with numpy gives"),
    ],
)
def test_each_broken_promise_is_caught(defect: str, expected: str) -> None:
    with pytest.raises(CheckFailed, match=expected):
        check_task_sequence(drifts({"defect": defect}))


def test_half_an_interface_is_caught() -> None:
    with pytest.raises(CheckFailed, match="only one of get_state and set_state"):
        check_task_sequence(drifts({}, env="Forgetful"))


def test_two_tasks_that_behave_alike_are_caught() -> None:
    with pytest.raises(CheckFailed, match="'a' and 'c' of the sequence 'drifts' behave alike"):
        check_task_sequence(drifts({"gain": 1.0}, {"gain": 2.0}, {"gain": 1.0}))


def test_an_environment_that_cannot_be_made_is_caught() -> None:
    with pytest.raises(CheckFailed, match="can't be made"):
        check_task_sequence(drifts({"gian": 1.0}))
