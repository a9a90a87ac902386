"""Plays an episode of a learned task, or a mission, once more and keeps all that can be shown of it."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from crl.config import Config
from crl.dynamics.features import FeatureMap
from crl.errors import CrlError, RenderingError
from crl.reporting.replay_watch import Imagination, WatchedAgent, WatchedPlanner, watched_planner
from crl.sequences import TaskSequence
from crl.training.clock import Clock
from crl.training.episode import play
from crl.training.load import LoadedRun
from crl.training.missions import fly, mission_sequence
from crl.types import Array, Decision, TaskSpec, Transition

_GRAPHICS = ("egl", "opengl", "glx", "osmesa", "glfw", "glgeterror", "gl context", "glcontext", "can't draw")
Picture = NDArray[np.uint8]


@dataclass
class Moment:
    """One step of an episode: the state, the decision in it, and what came of it.

    Attributes:
        observation: Before the step, float32 [S].
        decision: What the agent decided.
        jpeg: Picture of the state, compressed; ``None`` where nothing is rendered.
        imagination: What the planner imagined; ``None`` where nothing was planned.
        expected: The model's next planned observation under the executed action, float32 [S].
        transition: What happened; ``None`` where the simulator failed.
        reached: Waypoints reached, where there are any.
        faulty: Whether a mission's fault is on, or a recorded robot was stopped.
    """

    observation: Array
    decision: Decision
    jpeg: bytes | None = None
    imagination: Imagination | None = None
    expected: Array | None = None
    transition: Transition | None = None
    reached: int | None = None
    faulty: bool = False


@dataclass
class Take:
    """An episode as it was played.

    Attributes:
        title: The run and what it learned with.
        spec: The task.
        episode: Which of the paired seeds.
        seed: That seed.
        moments: The steps in order.
        last_jpeg: Picture of the final state.
        stride: Control steps per planned step.
        waypoints: Of a mission, in the frame of the observed positions, [M, 2 or 3] (m).
        success: Whether the task was achieved.
        fault: What went wrong in the simulator, if anything.
        notes: What a viewer should know, such as why there are no pictures.
        recorded: Whether it comes from a robot's recording: there are no episodes, rewards and models then.
    """

    title: str
    spec: TaskSpec
    episode: int
    seed: int
    moments: list[Moment] = field(default_factory=list)
    last_jpeg: bytes | None = None
    stride: int = 1
    waypoints: NDArray[np.float64] | None = None
    success: bool = False
    fault: str | None = None
    notes: list[str] = field(default_factory=list)
    recorded: bool = False

    @property
    def fps(self) -> int:
        """Pictures per second of real time, at least 1."""
        return max(1, round(1 / self.spec.control_period))

    def observations(self) -> Array:
        """All observed states, float32 [T + 1, S]."""
        rows = [moment.observation for moment in self.moments]
        last = self.moments[-1].transition if self.moments else None
        return np.stack([*rows, *([last.next_observation] if last is not None else [])])

    def errors(self, planned: bool = False) -> Array:
        """Error of the model's next planned step at every moment, [T]; NaN where there is none.

        The root mean square over the elements of a change, each divided by its deviation over the episode: 1 is as
        bad as a model that always predicts the mean change.

        Args:
            planned: Take what the plan imagined instead of the model's prediction for the executed action: they differ
                where a refiner or a filter has changed the action.
        """
        seen = torch.from_numpy(self.observations())
        features = FeatureMap(self.spec.observation)
        errors = np.full(len(self.moments), np.nan, np.float32)
        if len(seen) <= self.stride + 1:
            return errors
        deviation = features.change(seen[: -self.stride], seen[self.stride :]).std(dim=0).clamp_min(1e-9)
        moving = deviation > 1e-6
        for index, moment in enumerate(self.moments[: len(seen) - self.stride]):
            guess = moment.expected
            if planned:
                guess = None if moment.imagination is None else moment.imagination.chosen[1]
            if guess is None or not bool(moving.any()):
                continue
            missed = features.change(seen[index + self.stride], torch.from_numpy(guess)) / deviation
            errors[index] = float(missed[moving].square().mean().sqrt())
        return errors


class _Listener:
    """Collects the moments of an episode."""

    def __init__(self, take: Take, env: Any, planner: WatchedPlanner | None, pictures: bool) -> None:
        self._take, self._env, self._planner, self._pictures = take, env, planner, pictures
        self._progress = getattr(env.unwrapped, "progress", None)

    def decided(self, observation: Array, decision: Decision) -> None:
        moment = Moment(observation.copy(), decision)
        if self._pictures:
            moment.jpeg = compress(picture_of(self._env))
        if self._planner is not None:
            moment.imagination, self._planner.last = self._planner.last, None
        if self._progress is not None:
            moment.reached, moment.faulty = int(self._progress.reached), bool(self._progress.active)
        self._take.moments.append(moment)

    def happened(self, transition: Transition) -> None:
        moment = self._take.moments[-1]
        moment.transition = transition
        if moment.imagination is not None:
            moment.expected = moment.imagination.predict(transition.observation, transition.executed)


def take(run: LoadedRun, task: int, episode: int, *, pictures: bool = True, imagine: bool = True) -> Take:
    """Play an episode as an evaluation does: the same seeds, without noise.

    A run with missions flies the mission ``task`` (a fault) of the round ``episode``, learning as it goes, as it did.

    Args:
        run: A loaded run.
        task: Index of the task in its sequence, or of the mission.
        episode: Which of the paired evaluation episodes.
        pictures: Render, where the environment can.
        imagine: Keep what the planner imagines.

    Raises:
        RenderingError: This machine can't render; the message names the packages.
        CrlError: The run has not learned the task, or there is no such mission.
    """
    config = run.config
    missions = config.refiner.name != "off"
    sequence = _missions(config, run.sequence, task) if missions else run.sequence
    spec = sequence.spec(task if missions else run.check(task))
    seed = config.evaluation.seed + episode
    who = f"agent={config.agent.name}" if config.agent.name not in ("mpc",) else config.method
    made = Take(f"{run.folder.path.name}  ({config.env.name}, {who})", spec, episode, seed)
    made.stride = config.body.stride if missions else 1
    with closing(_make(sequence, task, pictures)) as env:
        pictures = pictures and env.render_mode == "rgb_array"
        made.waypoints = _waypoints(env)
        with watched_planner(run.agent) as planner:
            listener = _Listener(made, env, planner if imagine else None, pictures)
            agent: Any = WatchedAgent(run.agent, listener)
            if missions:
                record = fly(agent, env, spec, seed, config).record
                made.success, made.fault = bool(record["completed"]), record["crash"]
            else:
                watch = listener.happened
                result = play(agent, env, spec, episode=seed, seed=seed, explore=False, clock=Clock(), watch=watch)
                made.success, made.fault = result.success, result.fault
        if pictures and made.moments and made.fault is None:
            made.last_jpeg = compress(picture_of(env))
    if not made.moments:
        raise CrlError(f"{spec.name}: the episode has no pictures ({made.fault or 'it ended at once'})")
    return made


def picture_of(env: gymnasium.Env[Any, Any]) -> Picture:
    """Render the present state, uint8 [height, width, 3].

    Raises:
        RenderingError: This machine can't render; the message names the packages.
    """
    try:
        picture: Any = env.render()
    except Exception as error:  # OpenGL's wrappers raise whatever they like: name the packages instead
        text = f"{type(error).__name__}: {error}"
        if any(word in text.lower() for word in _GRAPHICS):
            raise RenderingError(f"no picture can be rendered: {text}") from error
        raise
    return np.asarray(picture, dtype=np.uint8)


def compress(picture: Picture) -> bytes:
    """JPEG of a picture: an episode of thousands of steps must fit into memory."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def decompress(jpeg: bytes) -> Picture:
    """The picture of a JPEG, uint8 [height, width, 3]."""
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


def renders(sequence: TaskSequence, task: int) -> bool:
    """Whether the environment of a task offers pictures at all."""
    with closing(sequence.make(task)) as env:
        return "rgb_array" in env.metadata.get("render_modes", [])


def _make(sequence: TaskSequence, task: int, pictures: bool) -> gymnasium.Env[Any, Any]:
    return sequence.make(task, render_mode="rgb_array" if pictures and renders(sequence, task) else None)


def _missions(config: Config, sequence: TaskSequence, task: int) -> TaskSequence:
    missions = mission_sequence(config, sequence)
    if not 0 <= task < len(missions):
        listed = ", ".join(f"{index} {entry.name}" for index, entry in enumerate(missions.tasks))
        raise CrlError(f"there is no mission {task}", f"the run's missions are: {listed}")
    return missions


def _waypoints(env: gymnasium.Env[Any, Any]) -> NDArray[np.float64] | None:
    """Waypoints of a mission, in the frame of the observed positions."""
    points = getattr(getattr(getattr(env.unwrapped, "progress", None), "mission", None), "points", None)
    return None if points is None else np.asarray(points, dtype=np.float64)


def without_pictures(made: Take, why: str) -> Take:
    """The same take with a note on why it has no pictures."""
    return replace(made, notes=[*made.notes, why])
