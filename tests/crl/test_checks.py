"""The public checker passes what is sound and catches each broken promise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest

from crl.checks import CheckFailed, check_task_sequence
from crl.checks.task_sequence import examine_task_sequence
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
        if self.defect == "frozen":
            return np.zeros(2, np.float32)
        return self.state.astype(np.float64 if self.defect == "dtype" else np.float32)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        before = self.observation()
        if self.defect == "raise":
            raise RuntimeError("out of order")
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

    def get_episode_state(self) -> dict[str, Any]:
        hidden = 0.0 if self.defect == "hidden" else self.hidden
        random = None if self.defect == "random" else self.np_random.bit_generator.state
        return {"state": self.state.copy(), "steps": self.steps, "hidden": hidden, "random": random}

    def set_episode_state(self, state: dict[str, Any]) -> None:
        self.state, self.steps, self.hidden = state["state"].copy(), state["steps"], state["hidden"]
        if state["random"] is not None:
            self.np_random.bit_generator.state = state["random"]


class Forgetful(Drift):
    """Offers only half of what resuming needs."""

    get_episode_state = property()  # type: ignore[assignment]


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
        ("seed", "task 0 .'a'. .*(two episodes with the seed|check_env)"),
        ("memory", "task 0 .'a'. .*(two episodes with the seed|check_env)"),
        ("constant", "the seed changes nothing"),
        ("frozen", r"the observation is the same at all \d+ times: \[0\. 0\.\]"),
        pytest.param("nan", "may hold NaN", marks=pytest.mark.filterwarnings("ignore")),
        ("info", "info\\['is_success'\\] is None at step 1"),
        ("length", "is truncated after step 9, episode_steps is 12"),
        ("hidden", "in the same environment the episode goes on differently"),
        ("random", "the episode goes on differently"),
        ("reward", "differs from the rewards of the steps"),
        ("numpy_only", "can't be computed with torch"),
        ("batch", r"reward\(\) of .*has the shape \(\d+,.*\), not|differs from"),
        ("order", "reward with numpy differs from that of single steps"),
        ("success", "success with numpy gives"),
        ("raise", r"check_env: out of order"),
    ],
)
def test_each_broken_promise_is_caught(defect: str, expected: str) -> None:
    with pytest.raises(CheckFailed, match=expected):
        check_task_sequence(drifts({"defect": defect}))


def test_half_an_interface_is_caught() -> None:
    with pytest.raises(CheckFailed, match="only one of get_episode_state and set_episode_state"):
        check_task_sequence(drifts({}, env="Forgetful"))


def test_two_tasks_that_behave_alike_are_caught() -> None:
    with pytest.raises(CheckFailed, match="'a' and 'c' of the sequence 'drifts': they behave alike"):
        check_task_sequence(drifts({"gain": 1.0}, {"gain": 2.0}, {"gain": 1.0}))


def test_an_environment_that_cannot_be_made_is_caught() -> None:
    with pytest.raises(CheckFailed, match="can't be made"):
        check_task_sequence(drifts({"gian": 1.0}))


class Hinged(gymnasium.Env[np.ndarray, np.ndarray]):
    """A hand above a door: the door's hinge matters once the hand touches it, and random steps never do.

    Args:
        side: Side of the hinge.
        used: Whether the argument reaches the door.
        fails: Step after which the episode is terminated; 0: never.
        told: Whether ``terminated`` says so: ``no``, ``yes``, or ``wrong``.
        angle: ``wrapped`` or ``unwrapped`` heading.
        goal: Whether it has a notion of success.
    """

    def __init__(
        self,
        side: str = "left",
        used: bool = True,
        fails: int = 0,
        told: str = "no",
        angle: str = "unwrapped",
        goal: bool = True,
        kind: str = "linear",
    ) -> None:
        self.door = {"hinge": side} if used else {}
        self.fails, self.told, self.angle = fails, told, angle
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.handle = object()
        self.task = {
            "name": f"hinge {side}",
            "control_period": 0.1,
            "episode_steps": 40,
            "observation": [
                {"name": "x", "unit": "m"},
                {"name": "heading", "unit": "rad", "kind": kind},
                {"name": "age", "unit": "s"},
            ],
            "action": [{"name": "u", "unit": "1", "low": -1.0, "high": 1.0}],
            "safe_action": [0.0],
            "exploration": {"beta": 1.0, "std": [0.5]},
            "has_success": goal,
            "has_terminated": told != "no",
        }
        if goal:
            self.success = lambda observation: observation[..., 0] > 10

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.x, self.turned, self.steps = float(self.np_random.uniform(-1, 1)), 2.5, 0
        return self._observe(), {}

    def _observe(self) -> np.ndarray:
        heading = (self.turned + np.pi) % (2 * np.pi) - np.pi if self.angle == "wrapped" else self.turned
        return np.array([self.x, heading, 0.1 * self.steps], np.float32)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.x += 0.1 * float(action[0])
        self.turned += 0.2
        if self.x > 10 and self.door.get("hinge") == "left":
            self.x = 10.0
        self.steps += 1
        info = {"is_success": False} if self.task["has_success"] else {}
        return self._observe(), -abs(self.x), self.steps == self.fails, self.steps == 40, info

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        return -abs(next_observation[..., 0])

    def terminated(self, observation: Any) -> Any:
        return observation[..., 2] > 0.1 * (self.fails if self.told == "yes" else self.fails - 1) - 0.05


@pytest.fixture
def hinged() -> Iterator[Any]:
    gymnasium.register("test/Hinged-v0", entry_point=Hinged)

    def make(*arguments: dict[str, Any]) -> TaskSequence:
        return drifts(*arguments, env="Hinged")

    yield make
    del gymnasium.registry["test/Hinged-v0"]


def said(sequence: TaskSequence, promise: str) -> list[tuple[str, str]]:
    return [(f.state, f.said) for f in examine_task_sequence(sequence) if f.promise == promise]


def test_a_variant_that_a_random_walk_does_not_meet_is_one_all_the_same(hinged: Any) -> None:
    check_task_sequence(hinged({"side": "left"}, {"side": "right"}))
    ((state, text),) = said(hinged({"side": "left"}, {"side": "right"}), "difference")
    assert state == "good"
    assert "30 random steps don't tell them apart; their environments differ in door" in text


def test_an_argument_that_does_not_reach_the_environment_is_caught(hinged: Any) -> None:
    """The names of the tasks differ, and so do handles from one environment to the next: that is no difference."""
    with pytest.raises(CheckFailed, match="'a' and 'b' of the sequence 'drifts': they behave alike"):
        check_task_sequence(hinged({"side": "left", "used": False}, {"side": "right", "used": False}))


def test_tasks_that_end_at_different_steps_are_compared(hinged: Any) -> None:
    check_task_sequence(hinged({"fails": 5, "told": "yes"}, {"fails": 9, "told": "yes"}))


def test_ends_that_planners_do_not_know_are_said(hinged: Any) -> None:
    ((state, text),) = said(hinged({"fails": 5}), "ends")
    assert (state, text[:46]) == ("note", "the environment ends an episode at step 5, and")
    assert said(hinged({"fails": 5, "told": "yes"}), "ends") == []
    assert said(hinged({}), "ends") == []


def test_an_end_that_is_none_is_caught(hinged: Any) -> None:
    with pytest.raises(
        CheckFailed, match=r"terminated\(observation\) holds after step 4, where the environment goes on"
    ):
        check_task_sequence(hinged({"fails": 5, "told": "wrong"}))


def test_an_angle_that_is_not_described_as_one_is_said(hinged: Any) -> None:
    ((state, text),) = said(hinged({"angle": "wrapped"}), "angles")
    assert (state, text) == ("note", "heading jumps by 2 pi from one step to the next, as an angle does where it wraps")
    assert said(hinged({"angle": "wrapped", "kind": "angle"}), "angles") == []
    assert said(hinged({"angle": "unwrapped"}), "angles") == []


def test_without_success_nothing_is_asked_of_it(hinged: Any) -> None:
    sequence = hinged({"goal": False})
    check_task_sequence(sequence)
    assert not sequence.spec(0).has_success
    assert not sequence.spec(0).success(np.ones((2, 3))).any()
    assert sequence.spec(0).success(np.ones((2, 3))).shape == (2,)


def test_without_a_success_that_the_description_has_it_is_missed(hinged: Any) -> None:
    class Mute(Hinged):
        def __init__(self) -> None:
            super().__init__()
            del self.success

    gymnasium.register("test/Mute-v0", entry_point=Mute)
    with pytest.raises(CheckFailed, match=r"Mute-v0 has no 'success'.*\n.*unless has_success is false"):
        check_task_sequence(drifts({}, env="Mute"))
    del gymnasium.registry["test/Mute-v0"]


def test_what_other_environments_call_set_state_is_none_of_our_hooks() -> None:
    check_task_sequence("tests.foreign:WRAPPED")


def test_an_environment_without_an_end_is_cut() -> None:
    (state, text) = said_of("tests.foreign:ENDLESS", "length")
    assert (state, text) == ("good", "the environment goes on after 16 steps: its episodes are cut there")
    check_task_sequence("tests.foreign:ENDLESS")


def said_of(name: str, promise: str) -> tuple[str, str]:
    return next((f.state, f.said) for f in examine_task_sequence(name) if f.promise == promise)


def test_everything_is_looked_at_and_good_things_are_said_too() -> None:
    found = list(examine_task_sequence("tests.tiny:SLIDES", tasks=[1, 2]))
    assert {finding.state for finding in found} == {"good"}
    assert {finding.where.split()[0] + finding.where.split()[1] for finding in found} == {
        "task1",
        "task2",
        "tasks'slide_1'",
    }
    assert {f.promise for f in found} >= {"gymnasium", "spaces", "episodes", "seeds", "length", "planning", "functions"}


def test_someone_elses_pendulum_passes_with_a_description_around_it() -> None:
    check_task_sequence("tests.foreign:PENDULUMS")
