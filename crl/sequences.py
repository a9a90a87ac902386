"""Task sequences: found by name, made into environments, described by specs.

A package publishes a sequence as plain data, ``{"name", "description", "tasks": [{"name", "id", "kwargs"}]}``, under
the entry point group ``crl.task_sequences``; a user may also name one as ``package.module:attribute``. The
environments themselves are met through the Gymnasium registry only. Gymnasium 1.x no longer loads the entry
point group ``gymnasium.envs`` by itself, so this module calls it the first time that an environment is missing.

An environment describes itself with plain data: ``task``, and the functions that it goes with. They are looked for
along the chain of wrappers, from the outside, so that a wrapper can describe an environment of someone else.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from typing import Any

import gymnasium
from gymnasium.envs.registration import namespace

from crl.environment import TaskEnvironment, described_layer
from crl.errors import CrlError, raised
from crl.foreign.making import HERE, lent_tasks, make_lent, make_varied, register, tasks_of
from crl.foreign.names import ForeignError, is_foreign, parts_of
from crl.matching import nearest
from crl.plugins import PluginError, entry_points, import_path
from crl.task_functions import TaskFunction
from crl.types import TaskSpec
from crl.validation import task_spec

GROUP = "crl.task_sequences"
ENVIRONMENTS = "gymnasium.envs"
_KEYS = {"name", "description", "tasks"}
_OPTIONAL = {"missions", "suites", "life"}
_HINTS = {
    "pybullet": "it has wheels up to Python 3.11, and this is Python "
    f"{sys.version_info.major}.{sys.version_info.minor}: use Python 3.11, where it is installed with this package, or "
    "build it (`pip install pybullet` with a C++ compiler)",
    **dict.fromkeys(("dm_control", "shimmy"), "install it with `pip install 'crl[dmc]'`"),
    "metaworld": "install it with `pip install 'crl[metaworld]'`",
    "mujoco": "install it with `pip install mujoco`",
}


class SequenceError(CrlError, ValueError):
    """A task sequence is unknown, malformed, or one of its environments can't be made."""


@dataclass(frozen=True)
class TaskEntry:
    """One task of a sequence.

    Attributes:
        name: Its name.
        id: The registered environment.
        kwargs: The environment's keyword arguments.
        varied: Whether it is a Gymnasium environment by its id, of which nobody wrote a description; then arguments
            may be paths in its simulated body, too.
    """

    name: str
    id: str
    kwargs: Mapping[str, Any]
    varied: bool = False


@dataclass(frozen=True)
class MissionEntry:
    """A fault of a mission: its name, its class (what can be expected of a correction), and the fault as plain data."""

    name: str
    group: str
    fault: Mapping[str, Any]


@dataclass(frozen=True)
class TaskSequence:
    """An ordered list of tasks.

    Attributes:
        name: Name of the sequence.
        description: One line about it.
        tasks: The tasks in order. An entry may come again (a cycle): it is the same task then, with the same spec.
        missions: Faults to fly missions with, if the sequence has any; the first task then is the nominal body.
        suites: More such faults, by the suite's name; they are flown when they are asked for.
        life: Arguments of the first task's environment with which it is a life; ``None``: the sequence has none.
    """

    name: str
    description: str
    tasks: tuple[TaskEntry, ...]
    missions: tuple[MissionEntry, ...] = ()
    suites: Mapping[str, tuple[MissionEntry, ...]] = field(default_factory=dict)
    life: Mapping[str, Any] | None = None
    _specs: dict[int, TaskSpec] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.tasks)

    def make(self, index: int, render_mode: str | None = None) -> TaskEnvironment:
        """Make the environment of a task, as agents meet it.

        Args:
            index: Position of the task.
            render_mode: ``None`` or ``"rgb_array"``.

        Raises:
            SequenceError: The index, the environment or its arguments are wrong, its simulator isn't installed, or it
                doesn't describe itself.
            SpecError: Its description does not make sense.
        """
        env = self._make(index, render_mode)
        try:
            spec = self._specs[index] if index in self._specs else self._describe(index, env)
        except BaseException:
            env.close()
            raise
        return TaskEnvironment(env, spec)

    def _make(self, index: int, render_mode: str | None) -> gymnasium.Env[Any, Any]:
        entry = self._entry(index)
        where = f"task {index} ({entry.name!r}) of the sequence {self.name!r}"
        options = dict(entry.kwargs) if render_mode is None else {**entry.kwargs, "render_mode": render_mode}
        try:
            if entry.varied:
                register(entry.id)
            if not self.name.startswith(HERE):
                _find_environment(entry.id)
            if self.name.startswith(HERE):
                return make_lent(self.name, index, entry.name, render_mode)
            if entry.varied:
                return make_varied(entry.id, entry.kwargs, entry.name, render_mode)
            # Every step would pass Gymnasium's passive checker; check_task_sequence looks once instead.
            return gymnasium.make(entry.id, disable_env_checker=True, **options)
        except ForeignError as error:
            raise SequenceError(f"{where}: {error.message}", error.hint) from error
        except ModuleNotFoundError as error:
            missing = (error.name or "").split(".")[0]
            hint = _HINTS.get(missing, f"install the package that provides {error.name!r}")
            raise SequenceError(f"{where} needs {error.name!r}, which is not installed", hint) from error
        except gymnasium.error.Error as error:
            raise SequenceError(f"{where}: {error}") from error
        except (TypeError, ValueError) as error:
            raise SequenceError(f"{where} can't be made with {options}: {error}") from error
        except Exception as error:  # someone else's constructor
            raise SequenceError(
                f"{where} can't be made with {options}: {entry.id} raised {raised(error)}",
                "fix the environment's constructor, or the keyword arguments that the sequence gives it",
            ) from error

    def spec(self, index: int) -> TaskSpec:
        """The task as an agent knows it (cached).

        Raises:
            SequenceError: The environment can't be made, doesn't describe itself, or is built differently from
                the sequence's other tasks.
            SpecError: Its description does not make sense.
        """
        if index not in self._specs:
            with closing(self.make(index)) as env:
                spec = env.task_spec
            for other in self._specs.values():
                _same_structure(spec, other, self.name)
            self._specs[index] = spec
        return self._specs[index]

    def under(self, labels: Mapping[int, int]) -> TaskSequence:
        """The same sequence, with an agent's own labels in place of the indices of its specs.

        Args:
            labels: The label of every task that has one, by the task's identity.
        """
        known = {at: labels[task] for at in range(len(self)) if (task := self.identity(at)) in labels}
        return replace(self, _specs={at: replace(self.spec(at), index=label) for at, label in known.items()})

    def identity(self, index: int) -> int:
        """Number of the task at a position among the sequence's distinct tasks: its index for the agent."""
        distinct = list(dict.fromkeys(task.name for task in self.tasks))
        return distinct.index(self._entry(index).name)

    def _entry(self, index: int) -> TaskEntry:
        if not 0 <= index < len(self.tasks):
            listed = ", ".join(f"{i} {task.name}" for i, task in enumerate(self.tasks))
            raise SequenceError(f"the sequence {self.name!r} has no task {index}; its tasks are: {listed}")
        return self.tasks[index]

    def _describe(self, index: int, env: gymnasium.Env[Any, Any]) -> TaskSpec:
        """The spec that an environment's description gives."""
        entry = self.tasks[index]
        layer = described_layer(env)
        functions: dict[str, Any] = dict.fromkeys(("reward", "success", "terminated"))
        plain = _part(layer, "task", entry.id)
        if isinstance(plain, Mapping):
            wanted = [] if plain.get("learned_reward") is True else ["reward"]
            wanted += ["success"] if plain.get("has_success", True) else []
            wanted += ["terminated"] if plain.get("has_terminated", False) else []
            functions |= {
                name: TaskFunction(name, f"{entry.id} ({entry.name!r})", _part(layer, name, entry.id))
                for name in wanted
            }
            # The sequence's name of a task is the unique one.
            plain = {**plain, "name": entry.name}
        return task_spec(plain, self.identity(index), *functions.values())


def _part(layer: Any, name: str, env: str) -> Any:
    """A part of a description: the layer's own, or of what it wraps."""
    if not layer.has_wrapper_attr(name):
        raise SequenceError(
            f"{env} has no {name!r}, neither itself nor in a wrapper around it",
            "a task publishes its description as `task` and the function `reward(observation, action, "
            "next_observation)`; and `success(observation)`, unless has_success is false in the description, and "
            "`terminated(observation)`, if has_terminated is true",
        )
    return layer.get_wrapper_attr(name)


def load_sequence(name: str) -> TaskSequence:
    """Load a sequence by its registered name or as ``package.module:attribute``; ``A+B`` has the tasks of both.

    Raises:
        SequenceError: There is none of that name (the nearest one is suggested), or it is malformed.
    """
    if len(parts_of(name)) > 1:
        return _joined(name)
    if is_foreign(name) or name.startswith(HERE):
        return _foreign(name)
    if ":" in name:
        return _parse(_import(name), name)
    found = _entry_points()
    if name not in found:
        raise SequenceError(
            f"there is no task sequence {name!r}{nearest(name, found)}",
            "a sequence that is not registered is named package.module:attribute",
        )
    return _parse(_load(found[name]), name)


def _joined(name: str) -> TaskSequence:
    """Several sequences one after the other. A task that comes again under its name is the same task.

    Raises:
        SequenceError: Two different tasks have the same name.
    """
    named = parts_of(name)
    if any(part.startswith(HERE) for part in named):
        raise SequenceError(
            f"{name}: environments that were given as Python objects can't be joined with others",
            "register them, and name a sequence of them as package.module:TASKS",
        )
    parts = [load_sequence(part) for part in named]
    tasks = tuple(task for part in parts for task in part.tasks)
    known: dict[str, TaskEntry] = {}
    for task in tasks:
        other = known.setdefault(task.name, task)
        if (other.id, dict(other.kwargs)) != (task.id, dict(task.kwargs)):
            raise SequenceError(
                f"{name}: two different tasks are called {task.name!r}", "give the tasks of your sequence other names"
            )
    return TaskSequence(name, ", then ".join(part.description for part in parts), tasks)


def _foreign(name: str) -> TaskSequence:
    """A sequence that is named by an id and what varies, or that was given as Python objects."""
    try:
        if is_foreign(name):
            entries = [TaskEntry(task, env, arguments, varied=True) for task, env, arguments in tasks_of(name)]
        else:
            entries = [TaskEntry(task, env, {}) for task, env in lent_tasks(name)]
    except ForeignError as error:
        raise SequenceError(error.message, error.hint) from error
    return TaskSequence(name, f"{entries[0].id}, {len(entries)} task{'s' * (len(entries) != 1)}", tuple(entries))


def available() -> dict[str, str]:
    """Registered sequences with their descriptions; one that can't be loaded is described by its error."""
    described = {}
    for name, point in sorted(_entry_points().items()):
        try:
            described[name] = _parse(_load(point), name).description
        except SequenceError as error:
            described[name] = f"can't be loaded: {error}"
    return described


def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise SequenceError(f"the entry point {point.name} = {point.value} can't be loaded: {error}") from error


def _import(path: str) -> Any:
    _register_own()
    try:
        return import_path(path, "task sequence")
    except PluginError as error:
        raise SequenceError(error.message, error.hint) from error


def _register_own() -> None:
    """Register the environments that come with this package: a user's sequence may name them.

    It also tells MuJoCo how to draw without a display, which must be said before a user's module imports it.
    """
    for point in entry_points(group="gymnasium.envs"):
        if point.dist is not None and point.dist.name == "crl":
            point.load()()


def _parse(plain: Any, source: str) -> TaskSequence:
    """Check a sequence's plain data."""
    if isinstance(plain, TaskSequence):
        return plain
    if not isinstance(plain, Mapping) or not _KEYS <= set(plain) <= _KEYS | _OPTIONAL:
        got = sorted(map(str, plain)) if isinstance(plain, Mapping) else type(plain).__name__
        raise SequenceError(f"the task sequence {source!r} must be a dictionary with {sorted(_KEYS)}, not {got}")
    tasks = []
    for i, entry in enumerate(plain["tasks"]):
        if not isinstance(entry, Mapping) or not {"name", "id"} <= set(entry) <= {"name", "id", "kwargs"}:
            raise SequenceError(f"task {i} of {source!r} must be a dictionary with name, id and kwargs, not {entry!r}")
        tasks.append(TaskEntry(str(entry["name"]), str(entry["id"]), dict(entry.get("kwargs", {}))))
    if not tasks:
        raise SequenceError(f"the task sequence {source!r} has no tasks")
    named: dict[str, TaskEntry] = {}
    for task in tasks:
        if named.setdefault(task.name, task) != task:
            raise SequenceError(
                f"the task sequence {source!r} names two different tasks {task.name!r}",
                "give each task its own name; only a task that comes again repeats its name",
            )
    missions = tuple(_mission(entry, source) for entry in plain.get("missions", ()))
    suites = {
        str(name): tuple(_mission(entry, source) for entry in entries)
        for name, entries in dict(plain.get("suites", {})).items()
    }
    life = None if plain.get("life") is None else dict(plain["life"])
    return TaskSequence(str(plain["name"]), str(plain["description"]), tuple(tasks), missions, suites, life)


def _mission(entry: Any, source: str) -> MissionEntry:
    if not isinstance(entry, Mapping) or set(entry) != {"name", "class", "fault"}:
        raise SequenceError(f"a mission of {source!r} must be a dictionary with name, class and fault, not {entry!r}")
    return MissionEntry(str(entry["name"]), str(entry["class"]), dict(entry["fault"]))


def _find_environment(name: str) -> None:
    """Load the environments of installed packages unless ``name`` is registered already.

    An entry point ``__root__`` is a function that registers full names; any other name is a namespace for it.
    """
    if ":" in name or name in gymnasium.registry:
        return
    for point in entry_points(group=ENVIRONMENTS):
        try:
            register = point.load()
            if point.name == "__root__":
                register()
            else:
                with namespace(point.name):
                    register()
        except Exception as error:  # a broken plug-in of someone else must not stop this run
            warnings.warn(f"the environments of {point.value} can't be registered: {error}", stacklevel=3)


def _same_structure(spec: TaskSpec, other: TaskSpec, sequence: str) -> None:
    """All tasks of a sequence share one model's inputs: the same fields, in order, and the same actions."""

    def observed(task: TaskSpec) -> list[tuple[str, str, str]]:
        return [(item.name, item.unit, item.kind) for item in task.observation.fields]

    for what, mine, theirs in (
        ("observation", observed(spec), observed(other)),
        ("action", spec.action, other.action),
        ("control period", spec.control_period, other.control_period),
    ):
        if mine != theirs:
            raise SequenceError(
                f"tasks {spec.name!r} and {other.name!r} of the sequence {sequence!r} differ in their {what}: "
                f"{mine} and {theirs}",
                "the tasks of a sequence share one model, so their observations and actions must be alike",
            )
