"""An episode as it was played, with all that can be shown of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from crl.dynamics.features import FeatureMap
from crl.errors import RenderingError
from crl.reporting.replay.timing import rate, stride
from crl.reporting.replay.watch import Imagination
from crl.types import Array, Decision, TaskSpec, Transition


@dataclass
class Moment:
    """One step of an episode: the state, the decision in it, and what came of it.

    Attributes:
        observation: Before the step, float32 [S].
        decision: What the agent decided.
        jpeg: Picture of the state, compressed; ``None`` where nothing is rendered, and between two pictures of a film.
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
class RecordedEpisode:
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
        refined: Whether a refiner stands between the planner and the environment.
        pictured: Whether there are pictures of the simulator.
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
    refined: bool = False
    pictured: bool = False

    @property
    def every(self) -> int:
        """Control steps between two pictures."""
        return stride(self.spec.control_period)

    @property
    def fps(self) -> int:
        """Pictures per second of real time, at least 1."""
        return rate(self.spec.control_period)

    def shown(self) -> list[int]:
        """Steps that a film shows, in order; the number of steps stands for the final state, which is among them."""
        return [*range(0, len(self.moments), self.every), len(self.moments)]

    def without_pictures(self, trouble: RenderingError, needed: bool) -> None:
        """Give up pictures, with a note on why; those so far go, too.

        Raises:
            RenderingError: They are needed.
        """
        if needed:
            raise trouble
        self.pictured = False
        self.notes.append(str(trouble))
        for moment in self.moments:
            moment.jpeg = None

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
