"""Sequences are found by name, made, and described; every failure names the hint."""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import gymnasium
import numpy as np
import pytest

import crl.sequences
from crl.errors import CrlError
from crl.sequences import SequenceError, TaskEntry, TaskSequence, available, load_sequence
from crl.types import SpecError


class Toy(gymnasium.Env[np.ndarray, np.ndarray]):
    """The least that describes itself."""

    def __init__(self, unit: str = "m", period: float = 0.1, missing: str | None = None, **task: Any) -> None:
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
        self.task = {
            "name": "toy",
            "control_period": period,
            "episode_steps": 5,
            "observation": [{"name": "x", "unit": unit}],
            "action": [{"name": "u", "unit": "1", "low": -1, "high": 1}],
            "safe_action": [0.0],
            "exploration": {"beta": 1.0, "std": [0.5]},
            **task,
        }
        if missing == "task":
            del self.task
        elif missing:
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        return next_observation[..., 0]

    def success(self, observation: Any) -> Any:
        return observation[..., 0] > 1


@pytest.fixture(autouse=True)
def _toy() -> Iterator[None]:
    gymnasium.register("test/Toy-v0", entry_point=Toy)
    yield
    del gymnasium.registry["test/Toy-v0"]


def toys(*arguments: dict[str, Any], names: str = "abc") -> TaskSequence:
    entries = (TaskEntry(name, "test/Toy-v0", kwargs) for name, kwargs in zip(names, arguments, strict=False))
    return TaskSequence("toys", "for tests", tuple(entries))


def test_registered_sequences_are_found_and_described() -> None:
    assert {"door_open", "cartpole_length"} <= set(available())
    sequence = load_sequence("cartpole_length")
    assert sequence.name == "cartpole_length"
    assert sequence.description == available()["cartpole_length"]
    assert len(sequence) == 10
    assert sequence.tasks[2] == TaskEntry("length_0.4", "crl/CartPoleLength-v0", {"length": 0.4})


@pytest.mark.parametrize("name", ["cartpole_length", "door_open"])
def test_every_spec_of_a_registered_sequence_is_valid(name: str) -> None:
    sequence = load_sequence(name)
    specs = [sequence.spec(index) for index in range(len(sequence))]
    assert [spec.index for spec in specs] == list(range(len(specs)))
    assert [spec.name for spec in specs] == [task.name for task in sequence.tasks]
    assert sequence.spec(0) is specs[0]


def test_an_environment_is_made_with_its_arguments() -> None:
    sequence = load_sequence("cartpole_length")
    env: Any = sequence.make(3)
    assert env.unwrapped.length == 1.0
    assert env.render_mode is None
    assert sequence.make(3, render_mode="rgb_array").render_mode == "rgb_array"


def test_the_environments_of_plug_ins_are_registered_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("plugged")
    module.register = lambda: gymnasium.register("Plugged-v0", entry_point=Toy)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "plugged", module)
    points = [
        EntryPoint("broken", "no_such_module:register", "gymnasium.envs"),
        EntryPoint("mine", "plugged:register", "gymnasium.envs"),
    ]
    monkeypatch.setattr(crl.sequences, "entry_points", lambda group: points if group == "gymnasium.envs" else [])
    sequence = TaskSequence("mine", "", (TaskEntry("a", "mine/Plugged-v0", {}),))
    with pytest.warns(UserWarning, match="no_such_module:register can't be registered"):
        assert sequence.spec(0).name == "a"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sequence.make(0)
    del gymnasium.registry["mine/Plugged-v0"]


def test_the_packages_environments_come_by_their_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in gymnasium.registry if name.startswith("crl/")]:
        monkeypatch.delitem(gymnasium.registry, name)
    TaskSequence("t", "", (TaskEntry("a", "crl/CartPoleLength-v0", {"length": 0.5}),)).make(0)


def test_a_sequence_of_ones_own_is_named_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("own_module")
    plain = {"name": "own", "description": "mine", "tasks": [{"name": "a", "id": "test/Toy-v0"}]}
    module.PLAIN, module.READY = plain, toys({})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own_module", module)
    assert load_sequence("own_module:PLAIN").tasks == (TaskEntry("a", "test/Toy-v0", {}),)
    assert load_sequence("own_module:READY") is module.READY


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cartpole_lenght", r"did you mean 'cartpole_length'\? \(valid: .*cartpole_length, .*door_open"),
        ("", "no task sequence ''"),
        ("no_such_module:A", "'no_such_module:A' can't be loaded: No module named 'no_such_module'"),
        ("crl.types:NOTHING", "can't be loaded: .*NOTHING"),
        (":A", "':A' can't be loaded"),
        ("crl.types:KINDS", "must be a dictionary with .*'tasks'.* not tuple"),
    ],
)
def test_an_unknown_sequence_names_the_hint(name: str, expected: str) -> None:
    with pytest.raises(SequenceError, match=expected) as caught:
        load_sequence(name)
    assert isinstance(caught.value, CrlError)


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ([], "has no tasks"),
        ([{"name": "a"}], "task 0 of .* must be a dictionary with name, id and kwargs"),
        ([{"name": "a", "id": "x", "arguments": {}}], "must be a dictionary with name, id and kwargs"),
        ([{"name": "a", "id": "x"}, {"name": "a", "id": "y"}], "names two different tasks 'a'"),
    ],
)
def test_a_malformed_sequence_is_refused(tasks: list[Any], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("own_module")
    module.PLAIN = {"name": "own", "description": "mine", "tasks": tasks}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own_module", module)
    with pytest.raises(SequenceError, match=expected):
        load_sequence("own_module:PLAIN")


def test_a_broken_registered_sequence_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("good", "crl_envs.sequences:CARTPOLE_LENGTH", "crl.task_sequences"),
        EntryPoint("broken", "no_such_module:A", "crl.task_sequences"),
    ]
    monkeypatch.setattr(crl.sequences, "entry_points", lambda group: points)
    described = available()
    assert "no_such_module" in described["broken"]
    assert "swings up" in described["good"]


def test_a_task_that_comes_again_is_the_same_task() -> None:
    sequence = toys({}, {}, {"episode_steps": 6}, names="aab")
    assert [sequence.spec(index).index for index in range(3)] == [0, 0, 1]


@pytest.mark.parametrize("index", [-1, 2])
def test_a_position_outside_the_sequence_is_refused(index: int) -> None:
    sequence = toys({}, {})
    for call in (sequence.make, sequence.spec):
        with pytest.raises(SequenceError, match=f"has no task {index}; its tasks are: 0 a, 1 b"):
            call(index)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [({"unit": "rad"}, "observation"), ({"period": 0.2}, "control period")],
)
def test_tasks_of_a_sequence_must_be_alike(arguments: dict[str, Any], what: str) -> None:
    sequence = toys({}, arguments)
    sequence.spec(0)
    with pytest.raises(SequenceError, match=f"'b' and 'a' of the sequence 'toys' differ in their {what}"):
        sequence.spec(1)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"missing": "pybullet"}, r"needs 'pybullet', which is not installed\n.*Python 3\.11"),
        ({"missing": "other.thing"}, "install the package that provides 'other.thing'"),
        ({"missing": "task"}, r"test/Toy-v0 has no .task., neither itself nor in a wrapper"),
        ({"control_period": -1}, "task 'a': control_period is -1"),
    ],
)
def test_an_environment_that_cannot_serve_says_why(arguments: dict[str, Any], expected: str) -> None:
    with pytest.raises((SequenceError, SpecError), match=expected):
        toys(arguments).spec(0)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (TaskEntry("a", "crl/CartPoleLenght-v0", {}), "Did you mean: `CartPoleLength`"),
        (TaskEntry("a", "crl/CartPoleLength-v0", {"lenght": 1.0}), "can't be made with .*unexpected keyword"),
        (TaskEntry("a", "crl/CartPoleLength-v0", {"length": 9.0}), r"outside 0\.1\.\.2\.4 m"),
    ],
)
def test_an_environment_that_cannot_be_made_names_the_task(entry: TaskEntry, expected: str) -> None:
    load_sequence("cartpole_length")
    with pytest.raises(SequenceError, match=r"(?s)task 0 \('a'\) of the sequence 'bad'.*" + expected):
        TaskSequence("bad", "", (entry,)).make(0)
