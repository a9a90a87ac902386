"""Plays an episode of a learned task, or a mission, once more, and keeps all that can be shown of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from crl.config.declared.agents import kind_of
from crl.errors import CrlError, RenderingError
from crl.reporting.replay.film.pictures import Picture, cannot_render, compress, offers_pictures, picture_of
from crl.reporting.replay.recorded_episode import Moment, RecordedEpisode
from crl.reporting.replay.watch import WatchedAgent, WatchedPlanner, watched_planner
from crl.sequences import TaskSequence
from crl.training.clock import Clock
from crl.training.load import LoadedRun
from crl.training.missions.flying import fly, labels, mission_sequence
from crl.training.playing.episode import Observer, play
from crl.types import Array, Decision, TaskSpec, Told, Transition


@dataclass
class Shoot:
    """What is done with an episode's pictures.

    Attributes:
        pictures: Whether there are any, where the environment offers them.
        keep: Is given every picture from after the first step on; without it they are kept in the moments, compressed.
        needed: Whether an episode without pictures is an error, or is played on to be shown by what can be drawn.
        told: Is told of every step.
    """

    pictures: bool = True
    keep: Callable[[Picture], None] | None = None
    needed: bool = False
    told: Told | None = None


class _Steps(Observer):
    """Shows every step of an episode to a listener."""

    def __init__(self, listener: _Listener) -> None:
        self._listener = listener

    def step(self, transition: Transition, info: Mapping[str, Any]) -> None:
        """Show a step."""
        del info
        self._listener.happened(transition)


class _Listener:
    """Collects the moments of an episode."""

    def __init__(self, recorded: RecordedEpisode, env: Any, planner: WatchedPlanner | None, shoot: Shoot) -> None:
        self._episode, self._env, self._planner, self._shoot = recorded, env, planner, shoot
        self._progress = getattr(env.unwrapped, "progress", None)

    def decided(self, observation: Array, decision: Decision) -> None:
        made = self._episode
        moment = Moment(observation.copy(), decision)
        if self._planner is not None:
            moment.imagination, self._planner.last = self._planner.last, None
        if self._progress is not None:
            moment.reached, moment.faulty = int(self._progress.reached), bool(self._progress.active)
        if len(made.moments) % made.every == 0:
            moment.jpeg = self._picture()
        made.moments.append(moment)
        if self._shoot.told is not None:
            self._shoot.told("playing", len(made.moments), made.spec.episode_steps)

    def happened(self, transition: Transition) -> None:
        moment = self._episode.moments[-1]
        moment.transition = transition
        if moment.imagination is not None:
            moment.expected = moment.imagination.predict(transition.observation, transition.executed)

    def ended(self) -> None:
        """Take a picture of the final state."""
        if self._episode.fault is None:
            self._episode.last_jpeg = self._picture()

    def _picture(self) -> bytes | None:
        """The present state; once that fails there are no pictures at all."""
        made, keep = self._episode, self._shoot.keep
        if not made.pictured or (keep is not None and not made.moments):
            return None
        try:
            picture = picture_of(self._env)
        except RenderingError as error:
            made.without_pictures(error, self._shoot.needed)
            return None
        if keep is None:
            return compress(picture)
        keep(picture)
        return None


def record_episode(
    run: LoadedRun, task: int, episode: int, shoot: Shoot | None = None, *, imagine: bool = True
) -> RecordedEpisode:
    """Play an episode as an evaluation does: the same seeds, without noise.

    A run with missions flies the mission ``task`` (a fault) of the round ``episode``, learning as it goes, as it did.

    Args:
        run: A loaded run.
        task: Index of the task in its sequence, or of the mission.
        episode: Which of the paired evaluation episodes.
        shoot: What is done with pictures; by default they are kept where they can be rendered.
        imagine: Keep what the planner imagines.

    Raises:
        RenderingError: Pictures are needed, and this machine, or the environment, can't render any.
        CrlError: The run has not learned the task, or there is no such mission.
    """
    config, shoot = run.config, shoot or Shoot()
    missions = kind_of(config).flies_missions
    sequence, spec = played(run, task)
    seed = config.evaluation.seed + episode
    who = config.method if kind_of(config).components else f"agent={config.agent.name}"
    made = RecordedEpisode(f"{run.folder.path.name}  ({config.env.name}, {who})", spec, episode, seed)
    made.stride, made.refined = config.body.stride if missions else 1, missions
    with closing(_make(sequence, task, made, shoot)) as env:
        made.waypoints = _waypoints(env)
        with watched_planner(run.agent) as planner:
            listener = _Listener(made, env, planner if imagine else None, shoot)
            agent: Any = WatchedAgent(run.agent, listener)
            if missions:
                record = fly(agent, env, spec, seed, config, label=labels(run.sequence).get(spec.name)).record
                made.success, made.fault = bool(record["completed"]), record["crash"]
            else:
                clock, steps = Clock(), _Steps(listener)
                result = play(agent, env, spec, episode=seed, seed=seed, explore=False, clock=clock, observer=steps)
                made.success, made.fault = result.success, result.fault
        listener.ended()
    if not made.moments:
        raise CrlError(f"{spec.name}: the episode has no pictures ({made.fault or 'it ended at once'})")
    return made


def played(run: LoadedRun, task: int) -> tuple[TaskSequence, TaskSpec]:
    """What is played: a task of the run's sequence, or one of its missions, with the sequence that it is of.

    Raises:
        CrlError: The run has not learned the task, or there is no such mission.
    """
    if not kind_of(run.config).flies_missions:
        return run.sequence, run.sequence.spec(run.check(task))
    missions = mission_sequence(run.config, run.sequence)
    if not 0 <= task < len(missions):
        listed = ", ".join(f"{index} {entry.name}" for index, entry in enumerate(missions.tasks))
        raise CrlError(f"there is no mission {task}", f"the run's missions are: {listed}")
    return missions, missions.spec(task)


def _make(sequence: TaskSequence, task: int, made: RecordedEpisode, shoot: Shoot) -> gymnasium.Env[Any, Any]:
    """The environment, ready to draw where it offers to and can."""
    env = sequence.make(task)
    if not shoot.pictures or not offers_pictures(env):
        return env
    try:
        drawing = sequence.make(task, render_mode="rgb_array")
    except Exception as error:  # an environment raises whatever it likes where it can't draw
        made.without_pictures(cannot_render(error), shoot.needed)
        return env
    env.close()
    made.pictured = drawing.render_mode == "rgb_array"
    return drawing


def _waypoints(env: gymnasium.Env[Any, Any]) -> NDArray[np.float64] | None:
    """Waypoints of a mission, in the frame of the observed positions."""
    points = getattr(getattr(getattr(env.unwrapped, "progress", None), "mission", None), "points", None)
    return None if points is None else np.asarray(points, dtype=np.float64)
