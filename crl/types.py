"""The words that every room of the package shares: specs, transitions and decisions.

Dimension letters are fixed once: ``B`` batch, ``K`` sampled sequences, ``H`` horizon, ``S`` observation,
``F`` features, ``D`` change, ``A`` action, ``T`` tasks, ``E`` ensemble members, ``P`` weights of a target network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crl.errors import CrlError

Array = NDArray[np.float32]
Reward = Callable[[Any, Any, Any], Any]
Success = Callable[[Any], Any]
Terminated = Callable[[Any], Any]
Told = Callable[[str, int, int], None]
"""Is told of work that takes long: what is done, how many steps of it, and how many there are in all."""
Kind = Literal["linear", "angle", "quaternion"]
KINDS: tuple[Kind, ...] = ("linear", "angle", "quaternion")
Role = Literal["state", "position", "heading", "velocity", "command", "goal", "fixed"]
ROLES: tuple[Role, ...] = ("state", "position", "heading", "velocity", "command", "goal", "fixed")
LEARNED = ("reward", "terminated")
"""What of a task can be learned where nobody gives it as a function."""
WIDTH: Mapping[str, int] = {"linear": 1, "angle": 1, "quaternion": 4}


class SpecError(CrlError, ValueError):
    """A task's description does not make sense; the message names the entry and the hint."""


@dataclass(frozen=True)
class ObservationField:
    """One field of an observation; see :class:`ObservationSpec`."""

    name: str
    unit: str
    kind: Kind = "linear"
    low: float = -math.inf
    high: float = math.inf
    scale_floor: float = 1e-6
    event: float | None = None
    """Change in one step from which a transition counts as an event, drawn more often; ``None``: never."""
    role: Role = "state"
    """What the field is to a moving body: its ``position`` on the map, its ``heading`` (about the vertical), a
    ``velocity`` component in axes of the heading, other ``state`` of it, the ``command`` before, a ``goal`` relative to
    the body in axes of the map, or ``fixed`` as far as the body can tell."""


@dataclass(frozen=True)
class ObservationSpec:
    """The fields of an observation, in order: the one source of features, changes, bounds and normalisers."""

    fields: tuple[ObservationField, ...]

    @property
    def size(self) -> int:
        """Number S of observation elements."""
        return sum(WIDTH[field.kind] for field in self.fields)

    def offsets(self) -> list[int]:
        """Index of the first element of each field."""
        starts, at = [], 0
        for item in self.fields:
            starts.append(at)
            at += WIDTH[item.kind]
        return starts


@dataclass(frozen=True)
class ActionSpec:
    """The elements of an action: names, units and range.

    A ``choice`` is one of several things to do: there is an element for each, of which one is ``high`` (the chosen one)
    and all others are ``low``. Whatever is sent amounts to the choice of its largest element.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    choice: bool = False

    @property
    def size(self) -> int:
        """Number A of action elements."""
        return len(self.names)


@dataclass(frozen=True)
class Phase:
    """A scripted part of a random episode: ``mean + std * noise`` for ``steps`` (low, high) steps."""

    steps: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class ExplorationPrior:
    """Coloured noise of the random episodes: power spectrum 1 / f**beta, deviation ``std`` [A]."""

    beta: float
    std: tuple[float, ...]
    phases: tuple[Phase, ...] = ()


@dataclass(frozen=True)
class TaskSpec:
    """A task as the agent knows it. Built from an environment's plain data by :func:`crl.validation.task_spec`.

    Attributes:
        name: Name, unique in its sequence.
        index: Position of the task's identity in its sequence (cycles repeat an index).
        observation: Fields of the observation.
        action: Elements of the action.
        control_period: Seconds between two actions.
        episode_steps: Actions per episode.
        safe_action: Action to take when no decision can be trusted.
        exploration: Prior of the random episodes.
        reward: Array-API function ([..., S], [..., A], [..., S]) -> [...].
        success: Array-API function [..., S] -> bool [...].
        has_success: Whether success means anything here; if not, the return alone is the measure.
        terminated: Array-API function [..., S] -> bool [...]: which observations end an episode for good, so that
            nothing comes after them; ``None``: none that the task could tell. Time limits are not meant.
        learned: Which of ``reward`` and ``terminated`` nobody gives as a function, so that agents that plan learn them.
    """

    name: str
    index: int
    observation: ObservationSpec
    action: ActionSpec
    control_period: float
    episode_steps: int
    safe_action: tuple[float, ...]
    exploration: ExplorationPrior
    reward: Reward = field(compare=False)
    success: Success = field(compare=False)
    has_success: bool = True
    terminated: Terminated | None = field(default=None, compare=False)
    learned: tuple[str, ...] = ()


@dataclass(frozen=True)
class Transition:
    """One step of one task. Models learn from the ``executed`` action.

    Attributes:
        task: Index of the task.
        observation: Observation before, float32 [S].
        planned: What the planner chose, float32 [A].
        refined: What the refiner made of it, float32 [A].
        executed: What passed the command filter and was executed, float32 [A].
        reward: Reward of the step.
        next_observation: Observation after, float32 [S].
        first: Whether the step begins an episode.
        last: Whether the step ends an episode.
        terminated: Whether the environment itself ended it, so that nothing comes after. An episode that is cut off, at
            its time limit for instance, is ``last`` and not ``terminated``: what would have come has a value.
    """

    task: int
    observation: Array
    planned: Array
    refined: Array
    executed: Array
    reward: float
    next_observation: Array
    first: bool
    last: bool
    terminated: bool = False


@dataclass(frozen=True)
class Decision:
    """What an agent decided: the action to send, what was planned, and why if it is the safe action.

    ``sequences`` is the number of action sequences that a planner tried; 0 where nothing was planned.
    """

    action: Array
    planned: Array
    reason: str | None = None
    sequences: int = 0


def untold(doing: str, done: int, total: int) -> None:
    """Tell nobody (:data:`Told`)."""


@dataclass(frozen=True)
class LearnBudget:
    """What a learning session may spend: gradient steps; whether it is the task's closing one, or online.

    Online sessions are those of a mission: they learn what the present episode shows of a body that changes, and for
    this episode alone. ``told`` may be told how far the session is; an agent need not.
    """

    steps: int
    closing: bool = False
    online: bool = False
    told: Told = field(default=untold, compare=False, repr=False)


@dataclass
class LearnReport:
    """What a learning session did: gradient steps and the mean of each loss term."""

    steps: int = 0
    losses: dict[str, float] = field(default_factory=dict)


def as_array(values: Sequence[float]) -> Array:
    """Float32 array of a tuple of numbers."""
    return np.asarray(values, dtype=np.float32)
