"""Every entry of a task's description is checked, and every complaint names it and the hint."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import numpy as np
import pytest

from crl.errors import CrlError
from crl.types import ROLES, ActionSpec, ObservationField, Phase, SpecError, TaskSpec
from crl.validation import task_spec


def plain() -> dict[str, Any]:
    """A valid description that uses everything."""
    return {
        "name": "reach",
        "control_period": 0.1,
        "episode_steps": 40,
        "observation": [
            {"name": "x", "unit": "m", "kind": "linear", "low": -1.0, "high": None, "scale_floor": 0.02, "event": 0.1},
            {"name": "turn", "unit": "rad", "kind": "angle", "low": None, "high": None, "event": None},
            {"name": "pose", "unit": "1", "kind": "quaternion"},
        ],
        "action": [
            {"name": "push", "unit": "N", "low": -1.0, "high": 1.0, "scale": 20.0},
            {"name": "grip", "unit": "m", "low": 0, "high": 0.5},
        ],
        "safe_action": [0.0, 0.5],
        "exploration": {
            "beta": 1.5,
            "std": [0.7, 0.1],
            "phases": [{"steps": [0, 4], "mean": [1.0, 0.0], "std": [0.0, 0.1]}],
        },
    }


def parse(description: Any) -> TaskSpec:
    return task_spec(description, 3, lambda o, a, n: 0.0, lambda o: False)


def changed(path: list[Any], value: Any) -> dict[str, Any]:
    description = plain()
    entry: Any = description
    for key in path[:-1]:
        entry = entry[key]
    if value is ...:
        del entry[path[-1]]
    else:
        entry[path[-1]] = value
    return description


def test_a_valid_description_becomes_a_spec() -> None:
    spec = parse(plain())
    assert (spec.name, spec.index, spec.control_period, spec.episode_steps) == ("reach", 3, 0.1, 40)
    assert spec.observation.size == 6
    assert spec.observation.offsets() == [0, 1, 2]
    assert spec.observation.fields[0] == ObservationField("x", "m", "linear", -1.0, math.inf, 0.02, 0.1)
    assert spec.observation.fields[1].event is None
    assert spec.action == ActionSpec(("push", "grip"), ("N", "m"), (-1.0, 0.0), (1.0, 0.5))
    assert spec.safe_action == (0.0, 0.5)
    assert spec.exploration.phases == (Phase((0, 4), (1.0, 0.0), (0.0, 0.1)),)


def test_a_description_survives_json_and_is_not_changed() -> None:
    description = plain()
    before = copy.deepcopy(description)
    reward, success = (lambda o, a, n: 0.0), (lambda o: False)
    first = task_spec(description, 0, reward, success)
    second = task_spec(json.loads(json.dumps(description)), 0, reward, success)
    assert first == second
    assert description == before


def test_a_role_is_kept_and_is_state_unless_given() -> None:
    assert [field.role for field in parse(plain()).observation.fields] == ["state"] * 3
    for role in ROLES:
        given = parse(changed(["observation", 0, "role"], role)).observation.fields
        assert [field.role for field in given] == [role, "state", "state"]


def test_success_means_something_unless_said() -> None:
    assert parse(plain()).has_success
    assert not parse(changed(["has_success"], False)).has_success


def test_equal_bounds_hold_a_field_still() -> None:
    assert parse(changed(["observation", 0, "high"], -1.0)).observation.fields[0].high == -1.0


def test_numpy_numbers_and_arrays_are_taken() -> None:
    spec = parse(changed(["safe_action"], np.array([0.5, 0.25], dtype=np.float32)))
    assert spec.safe_action == (0.5, 0.25)
    assert all(type(value) is float for value in spec.safe_action)
    assert parse(changed(["episode_steps"], np.int64(7))).episode_steps == 7


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (["control_period"], ..., "lacks 'control_period'"),
        (["exploration"], ..., """lacks 'exploration': add for instance "exploration": {"beta": 1.0, "std": [0.5]}"""),
        (["controll_period"], 0.1, "unknown key 'controll_period': did you mean 'control_period'?"),
        (["name"], "", "name is ''"),
        (["control_period"], 0.0, "control_period is 0.0, a number greater than 0"),
        (["control_period"], math.nan, "control_period is nan, a finite number"),
        (["control_period"], "fast", "control_period is 'fast', a number"),
        (["control_period"], True, "control_period is True, a number"),
        (["has_success"], 0, "has_success is 0: give true or false"),
        (["episode_steps"], 0, "episode_steps is 0, a whole number of at least 1"),
        (["episode_steps"], 2.5, "episode_steps is 2.5, a whole number"),
        (["observation"], [], "observation is [], a list that is not empty"),
        (["observation"], "x", "observation is 'x', a list"),
        (["observation", 1], "x", "observation[1] is 'x', a dictionary"),
        (["observation", 1, "kind"], "angel", "observation[1].kind is 'angel': did you mean 'angle'?"),
        (["observation", 1, "kind"], 7, "observation[1].kind is 7"),
        (["observation", 1, "kind"], ["angle"], "observation[1].kind is ['angle']"),
        (["observation", 0, "role"], "positon", "observation[0].role is 'positon': did you mean 'position'?"),
        (["observation", 0, "role"], 7, "observation[0].role is 7"),
        (["observation", 0, "role"], ["goal"], "observation[0].role is ['goal']"),
        (["observation", 0, "unit"], ..., "observation[0] lacks 'unit'"),
        (["observation", 0, "high"], -2.0, "observation[0].low = -1.0 is above observation[0].high = -2.0"),
        (["observation", 0, "low"], math.nan, "observation[0].low is nan"),
        (["observation", 0, "low"], math.inf, "observation[0].low is inf"),
        (["observation", 0, "scale_floor"], 0.0, "observation[0].scale_floor is 0.0"),
        (["observation", 0, "event"], -1.0, "observation[0].event is -1.0"),
        (["observation", 1, "name"], "x", "observation has two entries named 'x'"),
        (["action", 0, "low"], 2.0, "action[0].low = 2.0 is not below action[0].high = 1.0"),
        (["action", 0, "low"], None, "action[0].low is None, a number"),
        (["action", 0, "scale"], 0, "action[0].scale is 0.0"),
        (["action", 0, "hihg"], 0, "unknown key 'hihg': did you mean 'high'?"),
        (["action", 1, "name"], "push", "action has two entries named 'push'"),
        (["safe_action"], [0.0], "safe_action has 1 entries, the action has 2"),
        (["safe_action", 1], -0.1, "safe_action[1] = -0.1 is outside the range 0.0..0.5 of 'grip'"),
        (["safe_action", 0], math.inf, "safe_action[0] is inf"),
        (["exploration", "beta"], -1.0, "exploration.beta is -1.0"),
        (["exploration", "std"], [0.1, 0.1, 0.1], "exploration.std has 3 entries, the action has 2"),
        (["exploration", "std", 1], -0.1, "exploration.std[1] is -0.1, a number of at least 0"),
        (["exploration", "phase"], [], "unknown key 'phase': did you mean 'phases'?"),
        (["exploration", "phases", 0, "steps"], [3], "exploration.phases[0].steps has 1 entries"),
        (["exploration", "phases", 0, "steps"], [5, 4], "exploration.phases[0].steps[0] = 5 is greater"),
        (["exploration", "phases", 0, "steps"], [-1, 4], "exploration.phases[0].steps[0] is -1"),
        (["exploration", "phases", 0, "mean"], [0.0], "exploration.phases[0].mean has 1 entries"),
        (["exploration", "phases", 0, "mean", 0], math.nan, "exploration.phases[0].mean[0] is nan"),
        (["exploration", "phases", 0, "mean"], ..., "exploration.phases[0] lacks 'mean'"),
    ],
)
def test_an_impossible_entry_is_named(path: list[Any], value: Any, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(changed(path, value))
    assert expected in str(caught.value)


def test_complaints_name_the_task_and_are_crl_errors() -> None:
    with pytest.raises(SpecError, match="task 'reach'") as caught:
        parse(changed(["safe_action"], []))
    assert isinstance(caught.value, (CrlError, ValueError))


@pytest.mark.parametrize("description", [None, [], "task"])
def test_what_is_no_dictionary_is_refused(description: Any) -> None:
    with pytest.raises(SpecError, match="a dictionary with the keys name"):
        parse(description)


def test_functions_must_be_functions() -> None:
    with pytest.raises(SpecError, match="success is None, a function is expected"):
        task_spec(plain(), 0, lambda o, a, n: 0.0, None)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="index is -1"):
        task_spec(plain(), -1, lambda o, a, n: 0.0, lambda o: False)
