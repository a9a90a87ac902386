"""Learning from what was recorded or exported, checked before anything is learned from it.

That are bags of a robot, Minari datasets, and LeRobot datasets and MCAP files that ``crl export`` wrote.

Who reads a kind of data is found by the entry point group ``crl.recorded_data``; what it returns is described at
:meth:`crl_robots.recordings.demonstrations.BagData.read`. Names, units, ranges and rates must be those of the task.
Transitions that are not finite, or whose action is outside the task's limits, are left out, and windows never reach
over them. Data that were exported may also say (``steps``, an entry per segment) what was planned and refined, which
rewards there were and whether the episode ended for good; without this, the sent action stands for all three, and the
task's own function gives the reward.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from crl.agents.base import Agent
from crl.config import Config
from crl.errors import CrlError
from crl.plugins import entry_points
from crl.sequences import TaskSequence
from crl.types import LearnBudget, LearnReport, TaskSpec, Told, Transition, as_array, untold

GROUP = "crl.recorded_data"
GENERAL = "bag"
"""Kind that is asked last: an exported file is an MCAP file too, and so looks like a bag."""
TOLERANCE = 1e-4
"""Share of an action's range by which a recorded action may be outside, and is brought inside."""


class DataReader(Protocol):
    """Reads one kind of recorded data."""

    def fits(self, source: str) -> bool:
        """Whether a source is of this kind."""

    def read(
        self,
        source: str,
        env: str,
        options: Mapping[str, Any],
        robot: str | None = None,
        odom: str = "odom",
        cmd_vel: str | None = None,
    ) -> Mapping[str, Any]:
        """Its transitions as plain data."""


@dataclass
class Recorded:
    """What was taken from recorded data.

    Attributes:
        source: Where it is from.
        transitions: In order; ``first`` marks the beginning of an uninterrupted stretch.
        messages: Observations that were looked at.
        left_out: Reason -> how many were left out.
        topics: What of a bag was read.
    """

    source: str
    transitions: list[Transition]
    messages: int
    left_out: dict[str, int] = field(default_factory=dict)
    topics: tuple[str, ...] = ()

    @property
    def stretches(self) -> int:
        """Uninterrupted stretches."""
        return sum(transition.first for transition in self.transitions)

    def __str__(self) -> str:
        reasons = ", ".join(f"{reason} ({count:,})" for reason, count in sorted(self.left_out.items()))
        topics = f" ({', '.join(self.topics)})" if self.topics else ""
        taken = (
            f"{self.source}{topics}: {len(self.transitions):,} transitions in {self.stretches:,} stretches were taken"
        )
        left = sum(self.left_out.values())
        return f"{taken} from {self.messages:,} observations; left out: {left:,}" + (f": {reasons}" if left else "")


def read_recorded(config: Config, sequence: TaskSequence, index: int) -> Recorded:
    """Read what ``config.data`` names, and check that it is of a task.

    Args:
        config: Settings.
        sequence: The task sequence.
        index: The task that learns from it.

    Raises:
        CrlError: Nobody can read it, it is of another task, or nothing in it can be used.
    """
    source = config.data.source
    assert source is not None
    entry, task = sequence.tasks[index], sequence.spec(index)
    data = config.data
    # Readers of others, from before there was the setting, need it only where it is given.
    more = {} if data.cmd_vel is None else {"cmd_vel": data.cmd_vel}
    told = reader_of(source).read(source, entry.id, entry.kwargs, robot=data.robot, odom=data.odom, **more)
    _check(source, told, task)
    _check_shapes(source, told["segments"], task)
    left_out: Counter[str] = Counter(told["left_out"])
    transitions: list[Transition] = []
    further = told.get("steps") or [None] * len(told["segments"])
    for (observations, actions), more in zip(told["segments"], further, strict=True):
        transitions += _transitions(task, observations, actions, left_out, more)
    recorded = Recorded(source, transitions, int(told["messages"]), dict(left_out), tuple(told.get("topics", ())))
    if not transitions:
        raise CrlError(f"nothing can be learned from {recorded}", "record odometry and commands while the robot drives")
    return recorded


def reader_of(source: str) -> DataReader:
    """Who reads a source.

    Raises:
        CrlError: Nobody does.
    """
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name == GENERAL, point.name))
    for point in points:
        reader: DataReader = point.load()
        if reader.fits(source):
            return reader
    known = ", ".join(point.name for point in points) or "none is installed"
    raise CrlError(
        f"data={source} is nothing that can be read (kinds: {known})",
        "give a .mcap or .db3 file, a folder that holds some or a LeRobot dataset, or minari:NAME",
    )


def pretrain(agent: Agent, task: TaskSpec, recorded: Recorded, steps: int, told: Told = untold) -> LearnReport:
    """Show recorded transitions to an agent as one training episode of a task, and let it learn.

    Args:
        agent: Who learns.
        task: The task.
        recorded: The transitions.
        steps: Gradient steps.
        told: Is told of every step.
    """
    agent.begin(task, 0, True)
    for transition in recorded.transitions:
        agent.observe(transition)
    return agent.learn(LearnBudget(steps, told=told))


def _check(source: str, told: Mapping[str, Any], task: TaskSpec) -> None:
    """Refuse data whose names, units, ranges or rates are not the task's."""
    if told["observation"] is None:  # made in the environment itself
        return
    name = told.get("task")
    if name is not None and name != task.name:
        raise CrlError(
            f"{source} holds episodes of the task {name}, the first task to be learned is {task.name}",
            f"begin with that task (tasks=[...]), or export episodes of {task.name}",
        )
    action = task.action
    learned = [(item.name, item.unit) for item in task.observation.fields]
    _check_fields(source, "observation", [tuple(item) for item in told["observation"]], learned)
    elements = list(zip(action.names, action.units, strict=True))
    _check_fields(source, "action", [tuple(item[:2]) for item in told["action"]], elements)
    for (name, unit, low, high), least, most in zip(told["action"], action.low, action.high, strict=True):
        if low < least - 1e-6 or high > most + 1e-6:
            raise CrlError(
                f"{source}: {name} goes from {low:g} to {high:g} {unit}, {task.name} takes {least:g} to {most:g}",
                "learn in an environment with the recorded robot's limits",
            )
    if not math.isclose(told["period"], task.control_period, rel_tol=1e-3):
        raise CrlError(
            f"{source}: {1 / told['period']:g} decisions a second, the task has {1 / task.control_period:g}",
            "name the robot's description that fits (data.robot), or an environment of that rate",
        )


def _check_shapes(source: str, segments: Sequence[tuple[Any, Any]], task: TaskSpec) -> None:
    sizes = task.observation.size, task.action.size
    for observations, actions in segments:
        if (observations.shape[1:], actions.shape[1:]) != (sizes[:1], sizes[1:]):
            raise CrlError(
                f"{source}: observations {observations.shape} and actions {actions.shape}, the task has {sizes[0]} and "
                f"{sizes[1]} elements",
                "give data of this task, with flat observations",
            )


def _check_fields(source: str, what: str, mine: Sequence[tuple[str, str]], learned: Sequence[tuple[str, str]]) -> None:
    for (name, unit), (own, own_unit) in zip(mine, learned, strict=False):
        if name != own or unit != own_unit:
            raise CrlError(
                f"{source}: the {what} has {name} ({unit}) where the task has {own} ({own_unit})",
                "name the robot's description that fits (data.robot), or the environment of the recorded robot",
            )
    if len(mine) != len(learned):
        raise CrlError(
            f"{source}: the {what} has {len(mine)} fields, the task has {len(learned)}",
            "name the robot's description that fits (data.robot), or the environment of the recorded robot",
        )


def _transitions(
    task: TaskSpec, observations: Any, actions: Any, left_out: Counter[str], more: Mapping[str, Any] | None = None
) -> list[Transition]:
    """Transitions of a stretch, cut wherever something can't be used; ``more``: what an export says of its steps."""
    low, high = as_array(task.action.low), as_array(task.action.high)
    slack = TOLERANCE * (high - low)
    made: list[Transition] = []
    first = True
    for step, (before, action, after) in enumerate(zip(observations, actions, observations[1:], strict=False)):
        sent = np.clip(np.asarray(action, np.float32), low, high)
        trouble = None
        if not (np.isfinite(before).all() and np.isfinite(action).all() and np.isfinite(after).all()):
            trouble = "numbers that are not finite"
        elif (np.abs(sent - action) > slack).any():
            trouble = "an action outside the limits"
        if trouble is not None:
            left_out[trouble] += 1
            first = True
            continue
        start, end = np.array(before, np.float32), np.array(after, np.float32)
        planned, refined, last, ended = sent, sent, False, False
        rewards = None
        if more is not None:
            planned, refined, rewards = more["planned"][step], more["refined"][step], more["rewards"]
            last = step + 1 == len(actions)
            ended = last and more["terminated"]
        reward = float(task.reward(start, sent, end) if rewards is None else rewards[step])
        made.append(Transition(task.index, start, planned, refined, sent, reward, end, first, last, ended))
        first = False
    return made
