"""What an agent does, while it acts, about a body that is not as it was learned; and the one that does nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crl.adaptation.helper import Helper
from crl.adaptation.refiners.base import NoRefiner, Refiner
from crl.dynamics.buffer import Buffer
from crl.dynamics.features import Features
from crl.dynamics.task_model import TaskModel
from crl.errors import CrlError
from crl.learning.knowledge import Unroll, plain_rollout
from crl.planning.planner import Plan, Planner
from crl.types import ActionSpec, Array, LearnBudget, LearnReport, TaskSpec, Transition


@dataclass(frozen=True)
class Belief:
    """What is believed of the body now.

    Attributes:
        regime: Number of the regime in force, 0 for the nominal one; ``None``: none that is known by a number.
        phase: What is being done about it, in a word; empty for who does not look.
        regimes: Number of regimes that are known.
        name: The regime's name, if it has one.
        settled: Whether it is in force for good, and not only until more is known.
    """

    regime: int | None = None
    phase: str = ""
    regimes: int = 1
    name: str | None = None
    settled: bool = True


class Adaptation(ABC):
    """Base of what adapts.

    Args:
        action: Elements of the action.

    Attributes:
        features: What models have to read and predict; ``None``: every field of the observation.
        unroll: What a planner unrolls of a model.
        stride: Control steps that a model has to predict at once.
        ready: Whether it can adapt: it was fitted.
        refiner: What refines planned actions now.
        helper: What is done by a process of its own, once that is started.
    """

    features: Features | None = None
    unroll: Unroll = staticmethod(plain_rollout)
    stride = 1
    ready = False

    def __init__(self, action: ActionSpec) -> None:
        self.refiner: Refiner = NoRefiner(action)
        self.helper: Helper = Helper()

    # ------------------------------------------------------------------ before
    def training_rows(self, buffer: Buffer) -> Buffer | None:
        """What the closing session learns from, in place of a task's transitions; ``None``: those."""
        del buffer
        return None

    def fit(self, buffer: Buffer, budget: LearnBudget) -> dict[str, float]:
        """Fit what adapting needs to the transitions of the body as it was learned; returns losses by name."""
        del buffer, budget
        return {}

    def save_flow(self, folder: Path) -> None:
        """Write the flow to a folder.

        Raises:
            CrlError: There is none.
        """
        raise CrlError("there is no flow to write", "use refiner=afm or afm_learned")

    def load_flow(self, folder: Path) -> None:
        """Fly with a flow that `crl fit-flow` wrote to a folder.

        Raises:
            CrlError: It has no flow, or this one is of another body or model.
        """
        raise CrlError(f"the flow {folder} is of no use here", "use refiner=afm or afm_learned")

    # ------------------------------------------------------------------ during an episode
    @abstractmethod
    def begin(self, model: TaskModel, task: TaskSpec, episode: int) -> None:
        """Begin an episode with the body as it was learned.

        Args:
            model: The model of that body.
            task: The task.
            episode: Number of the episode.
        """

    @abstractmethod
    def plan(self, planner: Planner, task: TaskSpec, observation: Tensor, generator: torch.Generator) -> Plan:
        """Plan from an observation [S], on what is believed of the body.

        Raises:
            PlanningFailed: No plan has a finite return.
        """

    def refine(self, planned: Array) -> Array:
        """The action [A] to execute for a planned one."""
        return self.refiner.refine(planned)

    @abstractmethod
    def observe(self, transition: Transition) -> None:
        """Find out what a transition says of the body."""

    @abstractmethod
    def learn(self, steps: int) -> LearnReport:
        """Take gradient steps on what was observed in this episode."""

    # ------------------------------------------------------------------ what is measured
    def belief(self) -> Belief:
        """What is believed of the body."""
        return Belief()

    def expected(self, observation: Array, executed: Array) -> Tensor | None:
        """The change [D] of one control step that is expected of an action [A] at an observation [S], if it can tell.

        For evaluators, before the action is executed.
        """
        del observation, executed
        return None

    def in_force(self) -> list[Any]:
        """What decides its behaviour now, as plain data: part of the agent's basis element."""
        return []

    def kept_bytes(self) -> int:
        """Bytes that it keeps of the body as it was learned, however many regimes come."""
        return 0

    def old_rows_read(self) -> int:
        """Transitions of that body that learning looked at again during the present episode."""
        return 0

    # ------------------------------------------------------------------ persistence
    def episode_state(self) -> dict[str, Any]:
        """What is not in :meth:`state_dict` and decides how the present episode goes on, as plain data."""
        return {}

    def set_episode_state(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`episode_state` returned, to the bit, after :meth:`begin`."""
        del state

    def remembered(self) -> dict[str, Any] | None:
        """What is worth keeping for another run or robot of the kind; ``None``: nothing is remembered."""
        return None

    def remembered_bytes(self) -> dict[str, float] | None:
        """What a memory of regimes takes (bytes): ``per_regime`` and ``once``; ``None``: there is none."""
        return None

    def recollect(self, state: Mapping[str, Any]) -> None:
        """Go on with what :meth:`remembered` returned.

        Raises:
            CrlError: This adaptation remembers nothing, or the state does not fit.
        """
        del state
        raise CrlError("a memory is of no use here: the refiner remembers nothing", "use refiner=lifelong")

    def state_dict(self) -> dict[str, Any]:
        """What was fitted, between episodes: an episode begins with nothing of the one before."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        del state


class NoAdaptation(Adaptation):
    """Plans on the model as it was learned, and executes what was planned."""

    def begin(self, model: TaskModel, task: TaskSpec, episode: int) -> None:
        """Nothing to begin: :attr:`ready` is false, and the agent plans by itself."""

    def plan(self, planner: Planner, task: TaskSpec, observation: Tensor, generator: torch.Generator) -> Plan:
        """Never asked for; see :meth:`begin`."""
        raise RuntimeError("there is no adaptation to plan with")

    def observe(self, transition: Transition) -> None:
        """Take no note."""

    def learn(self, steps: int) -> LearnReport:
        """Learn nothing."""
        del steps
        return LearnReport()
