"""From an environment's plain description to a :class:`~crl.types.TaskSpec`, checked entry by entry.

The description comes from anyone's environment, so nothing is taken for granted. Every complaint is a
:class:`~crl.types.SpecError` that names the entry by its path (``observation[3].low``) and says what is expected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from crl.errors import CrlError
from crl.matching import nearest
from crl.types import (
    KINDS,
    LEARNED,
    ROLES,
    ActionSpec,
    ExplorationPrior,
    Kind,
    ObservationField,
    ObservationSpec,
    Phase,
    Reward,
    Role,
    SpecError,
    Success,
    TaskSpec,
    Terminated,
)

_TASK = ("name", "control_period", "episode_steps", "observation", "action", "safe_action", "exploration")
_EXAMPLES = {
    "control_period": "0.1",
    "episode_steps": "200",
    "safe_action": "[0.0]",
    "exploration": '{"beta": 1.0, "std": [0.5]}',
    "unit": '"1"',
}
"""How an entry may look, for a robot with one action element."""
_TASK_OPTIONS = ("has_success", "has_terminated", "learned_reward", "learned_terminated", "choice")
_FIELD = ("name", "unit")
_FIELD_OPTIONS = ("kind", "low", "high", "scale_floor", "event", "role")
_ACTION = ("name", "unit", "low", "high")


def task_spec(
    plain: Mapping[str, Any],
    index: int,
    reward: Reward | None,
    success: Success | None,
    terminated: Terminated | None = None,
) -> TaskSpec:
    """Build a task's spec from its plain description.

    Args:
        plain: The description, see :mod:`crl.types` for the meaning of its entries.
        index: Position of the task in its sequence.
        reward: Array-API function ([..., S], [..., A], [..., S]) -> [...]; ``None`` where
            ``learned_reward`` is true.
        success: Array-API function [..., S] -> bool [...]; ``None`` where ``has_success`` is false.
        terminated: Array-API function [..., S] -> bool [...], or ``None``.

    Raises:
        SpecError: An entry is missing, unknown or impossible.
    """
    _keys(plain, _TASK, _TASK_OPTIONS, "the task")
    name = _text(plain["name"], "name")
    try:
        has_success = _truth(plain.get("has_success", True), "has_success")
        _truth(plain.get("has_terminated", False), "has_terminated")  # whether there is a function, by now in our hands
        learned = tuple(part for part in LEARNED if _truth(plain.get(f"learned_{part}", False), f"learned_{part}"))
        if success is None and not has_success:
            success = never
        if reward is None and "reward" in learned:
            reward = Unknown(name)
        _functions(reward=reward, success=success)
        if terminated is not None:
            _functions(terminated=terminated)
        assert success is not None and reward is not None
        observation = _observation(plain["observation"])
        action = _action(plain["action"], _truth(plain.get("choice", False), "choice"))
        safe = _numbers(plain["safe_action"], action.size, "safe_action")
        for i, value in enumerate(safe):
            if not action.low[i] <= value <= action.high[i]:
                raise SpecError(
                    f"safe_action[{i}] = {value} is outside the range {action.low[i]}..{action.high[i]} "
                    f"of {action.names[i]!r}: choose a value the actuator accepts"
                )
        return TaskSpec(
            name=name,
            index=_integer(index, "index", 0),
            observation=observation,
            action=action,
            control_period=_number(plain["control_period"], "control_period", above=0.0),
            episode_steps=_integer(plain["episode_steps"], "episode_steps", 1),
            safe_action=safe,
            exploration=_exploration(plain["exploration"], action.size),
            reward=reward,
            success=success,
            has_success=has_success,
            terminated=terminated,
            learned=learned,
        )
    except SpecError as error:
        raise SpecError(f"task {name!r}: {error}") from None


class Unknown:
    """The reward of a task that gives none as a function: it can only be learned.

    Args:
        task: Name of the task.
    """

    def __init__(self, task: str) -> None:
        self._task = task

    def __call__(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Refuse.

        Raises:
            CrlError: Always.
        """
        raise CrlError(
            f"the task {self._task!r} gives no reward as a function: only an agent that learned it knows it",
            "give the environment a function reward(observation, action, next_observation)",
        )


def never(observation: Any) -> Any:
    """Success of a task that has none; [..., S] -> False [...], in whatever arrays the observation is."""
    return abs(observation[..., 0]) < 0


def _functions(**functions: Any) -> None:
    for label, function in functions.items():
        if not callable(function):
            raise SpecError(f"{label} is {function!r}, a function is expected")


def _observation(plain: Any) -> ObservationSpec:
    fields = []
    for i, entry in enumerate(_list(plain, "observation")):
        at = f"observation[{i}]"
        _keys(entry, _FIELD, _FIELD_OPTIONS, at)
        kind = entry.get("kind", "linear")
        if kind not in KINDS:
            raise SpecError(f"{at}.kind is {kind!r}{nearest(str(kind), KINDS)}")
        role = entry.get("role", "state")
        if role not in ROLES:
            raise SpecError(f"{at}.role is {role!r}{nearest(str(role), ROLES)}")
        low = _bound(entry.get("low"), f"{at}.low", -math.inf)
        high = _bound(entry.get("high"), f"{at}.high", math.inf)
        if low > high:  # equal bounds are fine: a field that this task holds still
            raise SpecError(f"{at}.low = {low} is above {at}.high = {high}: swap or widen them")
        event = entry.get("event")
        fields.append(
            ObservationField(
                name=_text(entry["name"], f"{at}.name"),
                unit=_text(entry["unit"], f"{at}.unit"),
                kind=cast(Kind, kind),
                low=low,
                high=high,
                scale_floor=_number(entry.get("scale_floor", 1e-6), f"{at}.scale_floor", above=0.0),
                event=None if event is None else _number(event, f"{at}.event", above=0.0),
                role=cast(Role, role),
            )
        )
    _unique([field.name for field in fields], "observation")
    return ObservationSpec(tuple(fields))


def _action(plain: Any, choice: bool) -> ActionSpec:
    names, units, lows, highs = [], [], [], []
    for i, entry in enumerate(_list(plain, "action")):
        at = f"action[{i}]"
        _keys(entry, _ACTION, ("scale",), at)
        names.append(_text(entry["name"], f"{at}.name"))
        units.append(_text(entry["unit"], f"{at}.unit"))
        lows.append(_number(entry["low"], f"{at}.low"))
        highs.append(_number(entry["high"], f"{at}.high"))
        if not lows[-1] < highs[-1]:
            raise SpecError(f"{at}.low = {lows[-1]} is not below {at}.high = {highs[-1]}: swap or widen them")
        _number(entry.get("scale", 1.0), f"{at}.scale", above=0.0)
    _unique(names, "action")
    if choice and len(names) < 2:
        raise SpecError("choice is true for an action of one element: give an element for each thing to choose")
    return ActionSpec(tuple(names), tuple(units), tuple(lows), tuple(highs), choice)


def _truth(value: Any, at: str) -> bool:
    if not isinstance(value, bool):
        raise SpecError(f"{at} is {value!r}: give true or false")
    return value


def _exploration(plain: Any, size: int) -> ExplorationPrior:
    _keys(plain, ("beta", "std"), ("phases",), "exploration")
    phases = []
    for i, entry in enumerate(_list(plain.get("phases", ()), "exploration.phases", empty=True)):
        at = f"exploration.phases[{i}]"
        _keys(entry, ("steps", "mean", "std"), (), at)
        steps = _list(entry["steps"], f"{at}.steps")
        if len(steps) != 2:
            raise SpecError(f"{at}.steps has {len(steps)} entries: give the least and the greatest number of steps")
        least = _integer(steps[0], f"{at}.steps[0]", 0)
        greatest = _integer(steps[1], f"{at}.steps[1]", 0)
        if least > greatest:
            raise SpecError(f"{at}.steps[0] = {least} is greater than {at}.steps[1] = {greatest}: swap them")
        mean = _numbers(entry["mean"], size, f"{at}.mean")
        phases.append(Phase((least, greatest), mean, _numbers(entry["std"], size, f"{at}.std", least=0.0)))
    return ExplorationPrior(
        beta=_number(plain["beta"], "exploration.beta", least=0.0),
        std=_numbers(plain["std"], size, "exploration.std", least=0.0),
        phases=tuple(phases),
    )


# ---------------------------------------------------------------------- single values
def _keys(entry: Any, required: Sequence[str], optional: Sequence[str], at: str) -> None:
    """Complain unless ``entry`` is a mapping with all required keys and no unknown ones."""
    if not isinstance(entry, Mapping):
        raise SpecError(f"{at} is {entry!r}, a dictionary with the keys {', '.join(required)} is expected")
    known = (*required, *optional)
    for key in entry:
        if key not in known:
            raise SpecError(f"{at} has the unknown key {key!r}{nearest(str(key), known)}")
    missing = [key for key in required if key not in entry]
    if missing:
        example = ", ".join(f'"{key}": {_EXAMPLES[key]}' for key in missing if key in _EXAMPLES)
        raise SpecError(
            f"{at} lacks {', '.join(map(repr, missing))}: add {f'for instance {example}' if example else 'it'}"
        )


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str) or not value:
        raise SpecError(f"{at} is {value!r}, a text that is not empty is expected")
    return value


def _list(value: Any, at: str, empty: bool = False) -> list[Any]:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, str) or not isinstance(value, Sequence) or not (value or empty):
        raise SpecError(f"{at} is {value!r}, a list {'' if empty else 'that is not empty '}is expected")
    return list(value)


def _number(value: Any, at: str, above: float = -math.inf, least: float = -math.inf) -> float:
    """A finite number, greater than ``above`` and at least ``least``."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise SpecError(f"{at} is {value!r}, a number is expected")
    number = float(value)
    if not math.isfinite(number):
        raise SpecError(f"{at} is {number}, a finite number is expected")
    if not number > above:
        raise SpecError(f"{at} is {number}, a number greater than {above:g} is expected")
    if number < least:
        raise SpecError(f"{at} is {number}, a number of at least {least:g} is expected")
    return number


def _bound(value: Any, at: str, none: float) -> float:
    """A finite bound, or ``none`` (an infinity) for ``None`` or that infinity."""
    if value is None or (isinstance(value, float) and value == none):
        return none
    return _number(value, at)


def _integer(value: Any, at: str, least: int) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise SpecError(f"{at} is {value!r}, a whole number of at least {least} is expected")
    return int(value)


def _numbers(value: Any, size: int, at: str, least: float = -math.inf) -> tuple[float, ...]:
    """Finite numbers, one per action element."""
    values = _list(value, at)
    if len(values) != size:
        raise SpecError(f"{at} has {len(values)} entries, the action has {size}: give one per action element")
    return tuple(_number(item, f"{at}[{i}]", least=least) for i, item in enumerate(values))


def _unique(names: Sequence[str], at: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise SpecError(f"{at} has two entries named {name!r}: names tell them apart in tables and messages")
