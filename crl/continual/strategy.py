"""What a retention strategy is: it owns the parameters, gives weights per task, and takes gradient steps.

The learner hands a strategy the loss of the current task as a function of the target weights w [P]; how w is
made, which parameters move, and what keeps earlier tasks is the strategy's business. When a task ends, the strategy
sees the task's transitions once more and may keep some; a :class:`LossEvaluator` tells the loss of weights on them
later.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from crl.config import Config
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows

Loss = Callable[[Tensor], Tensor]
GROUP = "crl.strategies"


@dataclass(frozen=True)
class Storage:
    """What a strategy keeps per finished task, and whether it looks at old transitions again."""

    bytes_per_task: int
    revisits_data: bool


class Labels(Enum):
    """How much of tasks something has to be told; each includes those before it."""

    NONE = "none"
    BOUNDARIES = "boundaries"
    TOLD = "told"


class LossEvaluator(Protocol):
    """Judges target weights on transitions that a strategy kept, with the normalisers of their task."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Sizes of an observation and of an action."""
        ...

    def loss(self, task: int, weights: Tensor, rows: Windows) -> Tensor:
        """Mean loss of weights [P] on rows of a task; the number of rows is a multiple of the ensemble's."""
        ...

    def inputs(self, task: int, rows: Windows) -> Tensor:
        """What the target network reads in the first step of every window, normalised: [N, in]."""
        ...

    def targets(self, task: int, rows: Windows) -> Tensor:
        """What it should say about that step, normalised: [N, D]; these are the first D of its outputs."""
        ...


class Strategy(ABC):
    """Base of the retention strategies.

    Args:
        config: The run's settings.
        network: The target network whose weights are made.
        generator: Source of initial values.
        device: Where tensors live.

    Attributes:
        evaluator: Tells the loss on kept transitions; the agent sets it before the first task.
        SETTINGS: Settings that it reads, as dotted keys or beginnings of such; ``None``: it does not say, and is taken
            to read all of ``continual``, ``learning`` and ``dynamics``.
        CHANGES_AT_END: Whether the end of a task changes its weights, as pruning does.
        STARTS_LIKE: Whether a new task can start from what was learned of another one (:meth:`start_like`).
        kept_once: Entries of :meth:`state_dict` whose size is the same however many tasks were learned.
    """

    evaluator: LossEvaluator
    SETTINGS: ClassVar[tuple[str, ...] | None] = None
    CHANGES_AT_END: ClassVar[bool] = False
    STARTS_LIKE: ClassVar[bool] = False
    kept_once: tuple[str, ...] = ()

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        self.config = config
        self.network = network
        self.generator = generator
        self.device = torch.device(device)

    @abstractmethod
    def begin_task(self, task: int) -> None:
        """Start (or go on with) a task; optimisers start afresh."""

    @abstractmethod
    def step(self, loss: Loss) -> dict[str, Tensor]:
        """Take one gradient step on the current task; returns the loss terms (detached scalars)."""

    @abstractmethod
    def weights(self, task: int) -> Tensor:
        """Target weights [P] of a task that has begun, detached; averaged where averaging is on."""

    def start_like(self, task: int, other: int) -> None:
        """Start the current task, which is new, from what was learned of another one (``continual.start=nearest``).

        Only asked of a strategy that says ``STARTS_LIKE``; the others go on from the last task, or grow on all of them.

        Args:
            task: The current task; nothing was learned of it yet.
            other: A task that has begun.
        """
        del task, other

    def network_of(self, task: int) -> TargetNetwork:
        """The network that the weights of a task are for; a strategy that grows networks overrides it."""
        del task
        return self.network

    @abstractmethod
    def end_task(self, rows: Windows) -> None:
        """Finish the current task: its weights are what :meth:`weights` returns, from now on protected.

        Args:
            rows: All windows of the task's transitions. What is not copied is gone afterwards.
        """

    def labels(self) -> dict[str, Labels]:
        """What has to be told of tasks, and to whom: to the strategy and its parts, by name."""
        return {type(self).__name__: Labels.TOLD}

    def revisiting(self) -> list[str]:
        """Who looks at transitions of finished tasks again: the strategy or parts of it, by name."""
        return [type(self).__name__] if self.storage().revisits_data else []

    @abstractmethod
    def scale_lr(self, factor: float) -> None:
        """Set the learning rates to ``factor`` times the configured ones."""

    @abstractmethod
    def storage(self) -> Storage:
        """What is kept per finished task."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Parameters, optimisers, averages and what protects earlier tasks."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
