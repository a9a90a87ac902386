"""Makes the environments of sequences that are named by a Gymnasium id, or given as Python objects."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium

from crl.foreign.names import ForeignError, environment_id, variations
from crl.foreign.wrapper import Described, Lent
from crl.plugins import load_plugin, points

Env = gymnasium.Env[Any, Any]
Given = Env | str | Callable[[], Env]
"""An environment, an id of one, or a function that makes one."""

VARIATIONS = "crl.variations"
"""Entry points that vary a simulated body: functions of (environment, path, value) that change it in place."""
NAMESPACES = "crl.namespaces"
"""Entry points by a namespace of Gymnasium's ids: functions without arguments that register its environments."""
BODY = ("body", "joint", "geom", "actuator", "option")
"""First parts of the paths of what a simulated body has: ``body.pole.mass``."""
REPEAT = "action.repeat"
"""What varies how often each action is repeated."""
HERE = "python:"
"""Beginning of the names of sequences that exist in this process alone."""

_given: dict[str, list[Given]] = {}


def tasks_of(name: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(Task, id, arguments) of every task that ``gym:ID?...`` stands for."""
    found = variations(name)
    return [(_task_name(arguments), environment_id(name), arguments) for arguments in found]


def register(env_id: str) -> None:
    """Have the environments of an id's namespace registered, where a package says how (:data:`NAMESPACES`).

    Raises:
        ModuleNotFoundError: What the environments need is not installed.
    """
    found = points(NAMESPACES).get(env_id.rpartition("/")[0])
    if found is not None:
        found.load()()


def make_varied(env_id: str, arguments: Mapping[str, Any], name: str, render_mode: str | None) -> Env:
    """Make an environment by its id, with arguments for its constructor and for its simulated body.

    An environment that describes itself is left as it is.

    Args:
        env_id: Id in Gymnasium's registry.
        arguments: Arguments of its constructor; those with a dot are paths in its simulated body, and
            ``action.repeat`` is the number of steps that each action is kept for.
        name: Name of the task.
        render_mode: ``None`` or ``"rgb_array"``.

    Raises:
        ForeignError: It can't be a task, or its body has no such part, or its actions can't be repeated.
    """
    body = {key: value for key, value in arguments.items() if key.partition(".")[0] in BODY and "." in key}
    options = {key: value for key, value in arguments.items() if key not in body and key != REPEAT}
    if render_mode is not None:
        options["render_mode"] = render_mode
    env = gymnasium.make(env_id, disable_env_checker=True, **options)
    try:
        for path, value in body.items():
            load_plugin(VARIATIONS, "mujoco", "way to vary a body")(env, path, value)
        return described(env, name, arguments.get(REPEAT))
    except BaseException:
        env.close()
        raise


def described(env: Env, name: str, repeat: int | None = None) -> Env:
    """The environment with a description around it, unless it or one of its wrappers has one.

    Args:
        env: The environment.
        name: Name of the task.
        repeat: Steps that each action is kept for; ``None``: not asked for.

    Raises:
        ForeignError: It can't be a task; or it describes itself, and its actions are to be repeated.
    """
    if not (env.has_wrapper_attr("task") and env.has_wrapper_attr("reward")):
        return Described(env, name, 1 if repeat is None else repeat)
    if repeat is not None:
        raise ForeignError(
            f"{REPEAT}={repeat}: this environment describes its task itself, with a control period",
            "repeat the action in its step(), and give the longer period",
        )
    return env


def lend(given: Sequence[Given]) -> str:
    """Keep Python objects for this process; returns the name of the sequence that they are.

    Args:
        given: Environments, ids, or functions that make an environment; one per task, in order.

    Raises:
        ForeignError: There are none, or one is something else.
    """
    if not given:
        raise ForeignError("env=[] holds no environment", "give one environment per task")
    for i, one in enumerate(given):
        if not (isinstance(one, gymnasium.Env | str) or callable(one)):
            raise ForeignError(
                f"env[{i}] is a {type(one).__name__}", "give environments, ids, or functions that make an environment"
            )
    mark = hashlib.sha256(repr([(i, _label(one)) for i, one in enumerate(given)]).encode()).hexdigest()[:12]
    _given[f"{HERE}{mark}"] = list(given)
    return f"{HERE}{mark}"


def lent_tasks(name: str) -> list[tuple[str, str]]:
    """(Task, what was given) of a sequence of Python objects.

    Raises:
        ForeignError: The process that had the objects is another one.
    """
    if name not in _given:
        raise ForeignError(
            f"the environments of env={name} were Python objects of another program, so they can't be made here",
            "give them again in Python: crl.train(env=[...], resume=True) goes on with the same list and settings; "
            "or name them, as in env=gym:ID or env=package.module:TASKS, which any program can make",
        )
    return [(f"task_{i}", _label(one)) for i, one in enumerate(_given[name])]


def make_lent(name: str, index: int, task: str, render_mode: str | None) -> Env:
    """The environment at a position of a list; one that was given as an object is lent and stays its owner's."""
    one = _given[name][index]
    if isinstance(one, str):
        return make_varied(one, {}, task, render_mode)
    return described(Lent(one) if isinstance(one, gymnasium.Env) else one(), task)


def _label(one: Given) -> str:
    if isinstance(one, str):
        return one
    if isinstance(one, gymnasium.Env):
        return one.spec.id if one.spec is not None else type(one.unwrapped).__name__
    return f"{one.__module__}:{one.__qualname__}"


def _task_name(arguments: Mapping[str, Any]) -> str:
    return "_".join(f"{key}_{value}" for key, value in arguments.items()).replace(" ", "") or "task"
