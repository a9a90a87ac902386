"""Missions: an agent follows waypoints while its body changes on the way, observes, learns and is not told.

One mission is one episode of a task's environment with the fault on between two shares of the waypoints
(``config.missions``). Every transition is shown to the agent and followed by one learning step; only a refiner that is
an oracle is told what the body makes of its commands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray

from crl.adaptation.refiners.base import NoRefiner, Refiner
from crl.agents.base import Agent
from crl.config import Config
from crl.errors import CrlError
from crl.safety.departure import Departure
from crl.sequences import MissionEntry, TaskEntry, TaskSequence
from crl.training.clock import Clock
from crl.training.playing.episode import Observer, play
from crl.types import ActionSpec, Array, Decision, TaskSpec, Transition, as_array

NOMINAL = 0
"""The task of a sequence whose body missions begin with."""
STANDING = 25
"""Steps that a mission goes on after it was given up, with the safe action."""
SETTLED = 25
"""Steps after the body changed back within which an alarm is no false one."""


@dataclass
class Flight:
    """One mission flown.

    Attributes:
        record: What happened, as plain data; see :func:`fly`.
        path: Positions [N + 1, D] (m), in the map's frame.
        waypoints: The mission's waypoints [M, D] (m), in the map's frame.
    """

    record: dict[str, Any]
    path: NDArray[np.float32]
    waypoints: NDArray[np.float32]


def mission_sequence(
    config: Config, sequence: TaskSequence, chosen: Sequence[MissionEntry] | None = None
) -> TaskSequence:
    """The missions of a sequence as tasks: its first one with each fault, on a schedule.

    Args:
        config: Settings; ``missions`` says which map, when the fault is on, and how many steps.
        sequence: The task sequence; its first task is the nominal body.
        chosen: The faults; all of the sequence by default.

    Raises:
        CrlError: The sequence has no missions.
    """
    first, entries = sequence.tasks[0], sequence.missions if chosen is None else chosen
    if not sequence.missions:
        if sequence.life is not None:
            raise CrlError(
                f"{sequence.name} has a life, and no missions", f"crl live env={sequence.name} steps=10000 ..."
            )
        raise CrlError(
            f"{sequence.name} has no missions",
            "use env=ugv_mission, ugv_mission_husky, quadrotor_mission or quadrotor_mission_rates, or refiner=off",
        )
    wanted = config.missions
    changes: dict[str, Any] = {"inject": wanted.inject, "remove": wanted.remove}
    if wanted.waypoints is not None:
        changes["waypoints"] = wanted.waypoints
    if wanted.steps is not None:
        changes["episode_steps"] = wanted.steps
    if not config.refiner.clipped:
        changes["clipped"] = False
    tasks = tuple(
        TaskEntry(entry.name, first.id, {**first.kwargs, "fault": dict(entry.fault), **changes}) for entry in entries
    )
    return TaskSequence(sequence.name, sequence.description, tasks)


def labels(sequence: TaskSequence) -> dict[str, int]:
    """The tasks of a sequence by name: a mission of that name has the body of that task while its fault is on."""
    return {entry.name: index for index, entry in enumerate(sequence.tasks)}


def check_missions(config: Config, sequence: TaskSequence, chosen: Sequence[MissionEntry] | None = None) -> None:
    """Make every mission's environment once, so that what is wrong with a map or a fault is said before anything runs.

    Raises:
        CrlError: The sequence has no missions, or a map, a fault or a setting is impossible.
    """
    missions = mission_sequence(config, sequence, chosen)
    for index in range(len(missions)):
        try:
            missions.make(index).close()
        except CrlError as error:
            if config.refiner.clipped or "argument 'clipped'" not in str(error):
                raise
            raise CrlError(
                f"the body of {sequence.name} keeps its commands inside their limits and can't fly with clipped=false",
                "use clipped=true",
            ) from error


def fly(
    agent: Agent,
    env: gymnasium.Env[Any, Any],
    task: TaskSpec,
    seed: int,
    config: Config,
    *,
    faulty: bool = True,
    told: Callable[[int, int], None] = lambda reached, waypoints: None,
    label: int | None = None,
) -> Flight:
    """Fly one mission.

    The record says:

    * ``completed``, ``reached``, ``waypoints``, ``reached_fraction``; ``steps`` and ``seconds``; ``crash`` (why, or
      ``None``), ``given_up``, ``given_up_at`` (step) and ``stopped`` (why it was given up, or ``None``);
    * ``cross_track``: mean distance to the leg (m); ``cross_track_fault`` while the fault is on, ``cross_track_after``;
    * ``fault_came`` and ``fault_went`` (steps); ``steps_to_identify``: later, until a context is acted on;
      ``steps_to_clear``: until the body is taken for nominal again;
    * ``alarms``; ``false_alarms``, those that made a nominal body another one, and the ``nominal_steps`` in which they
      could have come;
    * ``beyond``: share of commands outside the limits;
    * ``ms``: CPU milliseconds, median and 99th percentile, of plan, identify, refine, learn and a whole step.

    Args:
        agent: Who flies.
        env: The mission's environment.
        task: Its task.
        seed: Seed of the environment and number of the agent's episode.
        config: Settings.
        faulty: Whether the mission has a fault at all; else every alarm is a false one.
        told: Called after every step with the waypoints that are reached, and their number.
        label: The task whose body the fault makes, if there is one: an agent that has learned it is told of it.
    """
    task = replace(task, index=NOMINAL)
    watch = _Watch(agent, task, config, faulty=faulty, told=told, label=label)
    result = play(agent, env, task, episode=seed, seed=seed, explore=False, clock=Clock(), online=True, observer=watch)
    if watch.steps == 0:
        raise CrlError(f"mission {task.name} can't begin: {result.fault}", "`crl check env=...` tries the environment")
    record = watch.record(seed)
    record["ms"] = summarise(agent.milliseconds, watch.steps)
    described: Any = env.unwrapped
    points = described.progress.mission.points + described.origin
    return Flight(record, np.array(watch.path, dtype=np.float32), np.asarray(points, dtype=np.float32))


class _Watch(Observer):
    """Counts what happens during a mission, tells what may be told, and stops the robot that has given up."""

    def __init__(
        self,
        agent: Agent,
        task: TaskSpec,
        config: Config,
        *,
        faulty: bool,
        told: Callable[[int, int], None],
        label: int | None,
    ) -> None:
        self.limits = task.action if config.refiner.clipped else _wide(task.action, config.flow.field.box_scale)
        self._agent, self._task, self._faulty, self._told = agent, task, faulty, told
        self._label = label if label is not None and agent.actor.knows(label) else None
        self._patience = config.missions.patience / task.control_period
        self._departure = Departure(task.observation, config.missions.departure, task.control_period)
        self._stopped: str | None = None
        self._low, self._high = (np.asarray(end, dtype=np.float32) for end in (task.action.low, task.action.high))
        self.steps = 0
        self.path: list[NDArray[np.float64]] = []
        self.given_up = 0
        self._given_up_at: int | None = None
        self._tracks: dict[str, list[float]] = {"before": [], "fault": [], "after": []}
        self._came: int | None = None
        self._went: int | None = None
        self._found: int | None = None
        self._cleared: int | None = None
        self._changes = self._false = self._nominal = self._beyond = 0
        self._best, self._since, self._reached = math.inf, 0, 0
        self._info: dict[str, Any] = {}

    @property
    def _refiner(self) -> Refiner:
        return self._agent.actor.refiner or NoRefiner(self._task.action)

    def begin(self, env: gymnasium.Env[Any, Any], info: Mapping[str, Any]) -> None:
        """Take note of the start."""
        self._env: Any = env.unwrapped
        self._info = dict(info)
        self.path.append(np.asarray(info["position"], dtype=np.float64))

    def deciding(self) -> None:
        """Tell an oracle what the body makes of its commands, and whom it concerns which learned task is in force."""
        self._wrong = self._faulty and bool(self._info["fault_active"])
        if self._label is not None:
            self._agent.actor.tell(self._label if self._wrong else NOMINAL)
        if self._refiner.is_told:
            matrix, bias = self._env.command_effect()
            self._refiner.tell(torch.tensor(matrix), torch.tensor(bias))

    def sent(self, decision: Decision) -> Array:
        """What was decided; the safe action from when the mission was given up."""
        return as_array(self._task.safe_action) if self.given_up else decision.action

    def ends(self) -> bool:
        """Whether the robot has been standing for long enough after it gave up."""
        return self.given_up >= STANDING

    def step(self, transition: Transition, info: Mapping[str, Any]) -> None:
        """Take note of a step."""
        after = transition.next_observation
        if not self.given_up:
            self._stopped = self._departure.sees(after)
        self._count(transition.executed, info, _distance(self._task, after))
        self._told(int(info["reached"]), int(info["waypoints"]))

    def fault(self, executed: Array, info: Mapping[str, Any]) -> None:
        """Take note of a step in which the environment broke."""
        self._count(executed, {**self._info, **info, "crash": info["fault"]}, math.inf)

    def _count(self, executed: Array, info: Mapping[str, Any], distance: float) -> None:
        faulty = self._wrong
        self.steps += 1
        self._info = dict(info)
        self.path.append(np.asarray(info["position"], dtype=np.float64))
        if faulty and self._came is None:
            self._came = self.steps - 1
        if not faulty and self._came is not None and self._went is None:
            self._went = self.steps - 1
        phase = "fault" if faulty else "before" if self._came is None else "after"
        self._tracks[phase].append(float(info["cross_track"]))
        self._beyond += bool((executed < self._low - 1e-6).any() or (executed > self._high + 1e-6).any())
        off = self._follow(self._refiner, faulty)
        self._be_patient(off, int(info["reached"]), distance)

    def _follow(self, refiner: Refiner, faulty: bool) -> bool:
        """What the refiner makes of the regime; whether it thinks the body off nominal."""
        # The oracle knows, and who has no refiner learns what it can: both may run out of patience under a fault.
        if not refiner.tracks:
            return faulty
        regime = refiner.regime
        alarmed, self._changes = regime.changes > self._changes, regime.changes
        settled = self._went is None or self.steps > self._went + SETTLED
        if not faulty and settled:
            self._nominal += 1
            # The end of a regime is an alarm, too; to see a nominal body as one is right, however late.
            self._false += alarmed and regime.off
        if faulty and self._came is not None and self._found is None and regime.active:
            self._found = self.steps - self._came
        if self._went is not None and self._cleared is None and not regime.off:
            self._cleared = self.steps - self._went
        return regime.active or regime.off

    def _be_patient(self, off: bool, reached: int, distance: float) -> None:
        if reached > self._reached or distance < self._best - 0.05 or not off:
            self._reached, self._best, self._since = reached, distance, self.steps
        if not self.given_up and self._stopped is None and self.steps - self._since > self._patience:
            self._stopped = f"no way towards the goal for {self._patience * self._task.control_period:.0f} s"
        if self._stopped is not None:
            self.given_up += 1
            self._given_up_at = self.steps if self._given_up_at is None else self._given_up_at

    def record(self, seed: int) -> dict[str, Any]:
        """All of it as plain data."""
        info = self._info
        every = [value for part in self._tracks.values() for value in part]
        return {
            "seed": seed,
            "completed": bool(info["is_success"]),
            "reached": int(info["reached"]),
            "waypoints": int(info["waypoints"]),
            "reached_fraction": int(info["reached"]) / int(info["waypoints"]),
            "steps": self.steps,
            "seconds": self.steps * self._task.control_period,
            "crash": info.get("crash"),
            "given_up": self.given_up > 0,
            "given_up_at": self._given_up_at,
            "stopped": self._stopped,
            "cross_track": _mean(every),
            "cross_track_fault": _mean(self._tracks["fault"]),
            "cross_track_after": _mean(self._tracks["after"]),
            "fault_came": self._came,
            "fault_went": self._went,
            "steps_to_identify": self._found,
            "steps_to_clear": self._cleared,
            "alarms": self._changes,
            "false_alarms": self._false,
            "nominal_steps": self._nominal,
            "beyond": self._beyond / max(1, self.steps),
        }


def summarise(milliseconds: Mapping[str, list[float]], steps: int) -> dict[str, Any]:
    """Median and 99th percentile of each phase, and of their sum per step where all phases have one value a step."""
    summary: dict[str, Any] = {}
    for phase, values in milliseconds.items():
        if values:
            summary[phase] = {"median": float(np.median(values)), "p99": float(np.percentile(values, 99))}
    whole = [np.asarray(values) for values in milliseconds.values() if len(values) == steps]
    if whole:
        total = np.sum(whole, axis=0)
        summary["step"] = {"median": float(np.median(total)), "p99": float(np.percentile(total, 99))}
    return summary


def _distance(task: TaskSpec, observation: NDArray[np.float32]) -> float:
    """Distance to the present waypoint: the first goal of the observation."""
    at = [offset for field, offset in zip(task.observation.fields, task.observation.offsets(), strict=True)]
    goals = [where for where, field in zip(at, task.observation.fields, strict=True) if field.role == "goal"]
    dimensions = sum(field.role == "position" for field in task.observation.fields)
    return float(np.linalg.norm(observation[goals[:dimensions]]))


def _wide(action: ActionSpec, factor: float) -> ActionSpec:
    low, high = np.asarray(action.low), np.asarray(action.high)
    middle, half = (low + high) / 2, factor * (high - low) / 2
    return replace(action, low=tuple((middle - half).tolist()), high=tuple((middle + half).tolist()))


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
