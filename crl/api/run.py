"""``crl.load`` and ``crl.evaluate``: a run on disk, what it measured, predicts and does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crl.agents.factory import make_agent
from crl.api.policy import Policy
from crl.config.asking.composing import to_plain
from crl.errors import CrlError
from crl.matching import nearest
from crl.training.load import LoadedRun, evaluate_run, load_run
from crl.types import Array, ObservationSpec, TaskSpec


@dataclass(frozen=True)
class Prediction:
    """Predicted trajectories.

    Attributes:
        trajectory: Mean over the ensemble, [K, H + 1, S]; the first observation is the given one.
        deviation: Deviation between the members' trajectories, [K, H + 1, S]; zeros for a single network.
    """

    trajectory: Array
    deviation: Array


class Run:
    """A run with its agent, as its newest readable checkpoint has it.

    Args:
        loaded: The run.

    Attributes:
        folder: Its folder.
        problems: What is damaged, if anything.
    """

    def __init__(self, loaded: LoadedRun) -> None:
        self._loaded = loaded
        self.folder: Path = loaded.folder.path
        self.problems: list[str] = loaded.problems

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, nested."""
        return to_plain(self._loaded.config)

    @property
    def tasks(self) -> dict[int, str]:
        """Names of the tasks that it has learned, by index, in the order of their first visit."""
        return {index: self._loaded.sequence.spec(index).name for index in self._loaded.tasks}

    @property
    def results(self) -> Mapping[str, Any] | None:
        """What ``results.json`` holds; ``None`` while the run is not finished."""
        try:
            found: Mapping[str, Any] = json.loads(self._loaded.folder.results.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return found

    def predict(self, observation: NDArray[Any], actions: NDArray[Any], task: int | str = 0) -> Prediction:
        """Roll out the learned model of a task.

        Args:
            observation: Where to begin, [S].
            actions: Action sequences, [K, H, A], or one, [H, A].
            task: Index or name of the task.

        Raises:
            CrlError: The run has not learned the task, or its agent has no model.
            ValueError: A shape is wrong.
        """
        spec = self._spec(task)
        members = self._loaded.agent.members_of(spec.index)
        if not members:
            raise CrlError(f"{self.folder} has no model to predict with", "only agents that plan on a model have one")
        start, tried = torch.as_tensor(observation, dtype=torch.float32), torch.as_tensor(actions, dtype=torch.float32)
        tried = tried.unsqueeze(0) if tried.ndim == 2 else tried
        if start.shape != (spec.observation.size,) or tried.ndim != 3 or tried.shape[-1] != spec.action.size:
            raise ValueError(
                f"predict takes an observation ({spec.observation.size},) and actions (K, H, {spec.action.size}), "
                f"not {tuple(start.shape)} and {tuple(tried.shape)}"
            )
        with torch.inference_mode():
            mean = self._loaded.agent.model_of(spec.index)(start, tried)  # type: ignore[misc]
            apart = torch.stack([member(start, tried) for member in members]) - mean
        return Prediction(mean.numpy().copy(), _deviation(apart.numpy().copy(), spec.observation))

    def policy(self, task: int | str = 0) -> Policy:
        """What it does on a task, by index or name.

        Raises:
            CrlError: The run has not learned the task.
        """
        spec, loaded = self._spec(task), self._loaded
        agent = make_agent(loaded.config, spec)  # one of its own, so that two policies do not share a plan
        agent.load_state_dict(loaded.agent.state_dict())
        return Policy(agent, spec)

    def _spec(self, task: int | str) -> TaskSpec:
        """A task that the run has learned."""
        known = self.tasks
        if isinstance(task, str):
            named = {name: index for index, name in known.items()}
            if task not in named:
                raise CrlError(f"{self.folder} has not learned a task {task!r}{nearest(task, named)}")
            task = named[task]
        return self._loaded.sequence.spec(self._loaded.check(task))

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, tasks={list(self.tasks.values())})"


def load(path: str | Path) -> Run:
    """Load a run, finished or not.

    Args:
        path: Its folder, or a link to it such as ``runs/latest``.

    Raises:
        CrlError: The folder is no run, or none of its checkpoints can be read.
    """
    return Run(load_run(Path(path).resolve()))


def evaluate(
    run: Run | str | Path, episodes: int | None = None, task: int | None = None, labels: str = "told"
) -> list[dict[str, Any]]:
    """Evaluate a run again, without noise and without learning, on the seeds that its results were made with.

    Args:
        run: The run or its folder.
        episodes: Episodes per task; the run's own number by default.
        task: Index of one task; all that it has learned by default.
        labels: ``none``: the agent is not told which task it is in, and infers it.

    Returns:
        For every task ``name``, ``success_rate`` (``None`` where success is not defined) and ``mean_return``; without
        labels also ``right_label``, the share of steps after the first 20 in which the label was right.
    """
    folder = run.folder if isinstance(run, Run) else Path(run).resolve()
    found: list[dict[str, Any]] = evaluate_run(folder, episodes, task, labels=labels)["tasks"]
    return found


def _deviation(apart: Array, observation: ObservationSpec) -> Array:
    """Root mean square [K, H + 1, S] of differences [E, K, H + 1, S]; angles are compared on the circle."""
    for field, at in zip(observation.fields, observation.offsets(), strict=True):
        if field.kind == "angle":
            apart[..., at] = np.remainder(apart[..., at] + np.pi, 2 * np.pi) - np.pi
    found: Array = np.sqrt(np.square(apart).mean(axis=0))
    return found
