"""A generator that takes parts: the base of strategies that are compositions, and the order in which parts act.

One learning step: the loss of the current task and its gradients; ``before_step`` of every part; penalties and
memories add their gradients; the gradients' transformations; the optimiser's step; the corrections of the step;
``after_step``. In :meth:`Composable.end_task` the averaged weights become the weights, then every part sees the rows.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.continual.averages.average import AveragePart
from crl.continual.gradients.gradient import Gradient
from crl.continual.memories.memory import Replaying
from crl.continual.networks.watching import WatchedNetwork
from crl.continual.optimiser import Adam, Average
from crl.continual.part import Boundary, Host, Part
from crl.continual.penalties.penalty import Penalty
from crl.continual.schedules.schedule import Schedule
from crl.continual.strategy import Labels, Storage, Strategy
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class Composable(Strategy):
    """A strategy that parts can be put onto.

    Attributes:
        HOST: What its shared parameters are.
        LABELS: What it has to be told of tasks, without its parts.
        parts: Its parts, in the order of the composition.
        task: The current task; -1 before the first.
        optimiser: What moves the shared parameters in the current task.
        moved: Whether the last step moved anything: one whose gradient is not finite, or with a rate of zero, does not.
    """

    HOST: ClassVar[Host]
    LABELS: ClassVar[Labels] = Labels.TOLD
    parts: Sequence[Part[Any]] = ()
    penalties: Sequence[Penalty[Any]] = ()
    gradients: Sequence[Gradient[Any]] = ()
    memories: Sequence[Replaying[Any]] = ()
    schedules: Sequence[Schedule[Any]] = ()
    optimiser: Adam
    moved: bool = False
    _watched: WatchedNetwork | None = None

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(config, network, generator, device)
        self.task = -1
        self._factor = 1.0
        self._average: Average = Average(config.learning.average)

    def attach(self, parts: Sequence[Part[Any]]) -> None:
        """Put parts onto it, before the first task."""
        self.parts = parts
        self.penalties = [part for part in parts if isinstance(part, Penalty)]
        self.gradients = [part for part in parts if isinstance(part, Gradient)]
        self.memories = [part for part in parts if isinstance(part, Replaying)]
        self.schedules = [part for part in parts if isinstance(part, Schedule)]
        for part in parts:
            if isinstance(part, AveragePart):
                self._average = part.average
        watchers = [part for part in parts if part.WATCHES]
        if watchers:
            self._watched = WatchedNetwork(self.network, [part.see for part in watchers])
        self.kept_once = (*self.kept_once, *(f"{part.name}.{key}" for part in parts for key in part.KEPT_ONCE))

    # ------------------------------------------------------------------ what parts ask for
    @abstractmethod
    def shared(self) -> dict[str, Tensor]:
        """The parameters that all tasks share, by name."""

    @abstractmethod
    def differentiable(self, task: int) -> Tensor:
        """Target weights [P] of a task with the graph that leads to the parameters; in the present step."""

    def replayable(self) -> Container[int] | None:
        """The tasks that :meth:`differentiable` knows in the present step; ``None``: all that have begun."""
        return None

    def network_of(self, task: int) -> TargetNetwork:
        """The target network; the one that shows what its layers read, if a part watches it."""
        del task
        return self.network if self._watched is None else self._watched

    # ------------------------------------------------------------------ a step
    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Show what the layers read to the parts that watch, while the current task's loss is computed."""
        if self._watched is None:
            yield
            return
        self._watched.shows = True
        try:
            yield
        finally:
            self._watched.shows = False

    def _before_step(self) -> None:
        """Tell the parts that the gradients of the current task's loss are there, and ask for the rate."""
        for part in self.parts:
            part.before_step()
        if self.schedules:
            self.scale_lr(self._factor)

    def _transform(self) -> None:
        """Let the parts change the gradients of what is shared."""
        if self.gradients:
            found = {name: value.grad for name, value in self.shared().items() if value.grad is not None}
            for part in self.gradients:
                part.transform(found)

    def _move(self) -> bool:
        """Take the optimiser's step, as the parts allow it; says whether anything moved."""
        corrected = any(part.CORRECTS for part in self.gradients)
        followed = [part for part in self.parts if part.FOLLOWS]
        before = {}
        if corrected or followed:
            before = {name: value.detach().clone() for name, value in self.shared().items()}
        self.moved = self.optimiser.step()
        if corrected:
            with torch.no_grad():
                changes = {name: value.detach() - before[name] for name, value in self.shared().items()}
                for part in self.gradients:
                    if part.CORRECTS:
                        part.correct(changes)
                for name, value in self.shared().items():
                    value.copy_(before[name] + changes[name])
        for other in followed:
            other.after_step(before)
        return self.moved

    def scale_lr(self, factor: float) -> None:
        """Set the learning rates to ``factor`` times the configured ones, and what schedules make of it."""
        self._factor = factor
        for part in self.schedules:
            factor *= part.factor()
        self._rate(factor)

    @property
    def still(self) -> bool:
        """Whether the learning rate is zero, so that nothing may move."""
        return self._factor == 0.0

    @abstractmethod
    def _rate(self, factor: float) -> None:
        """Hand a factor to the optimisers."""

    # ------------------------------------------------------------------ the life of a task
    def _begin_parts(self, task: int) -> None:
        for part in self.parts:
            part.begin_task(task)

    def _end_parts(self, rows: Windows) -> None:
        for part in self.parts:
            part.end_task(rows)

    # ------------------------------------------------------------------ what it needs
    def own_labels(self) -> Labels:
        """What it has to be told of tasks, without its parts."""
        return self.LABELS

    def labels(self) -> dict[str, Labels]:
        """What it and each of its parts have to be told."""
        parts = {
            part.name: Labels.NONE if part.BOUNDARY is Boundary.NOTHING else Labels.BOUNDARIES for part in self.parts
        }
        return {type(self).__name__: self.own_labels(), **parts}

    def revisiting(self) -> list[str]:
        """The parts that look at transitions of finished tasks again."""
        return [part.name for part in self.parts if part.REVISITS]

    # ------------------------------------------------------------------ what is kept
    def _with_parts(self, own: int) -> Storage:
        """What is kept per task: so many bytes of its own, and what the parts keep."""
        kept = own + sum(part.bytes_per_task() for part in self.parts)
        return Storage(bytes_per_task=kept, revisits_data=any(part.REVISITS for part in self.parts))

    def _state_of_parts(self) -> dict[str, Any]:
        return {f"{part.name}.{key}": value for part in self.parts for key, value in part.state_dict().items()}

    def _load_parts(self, state: Mapping[str, Any]) -> None:
        """Restore the parts; a state of before there were parts has their entries without the part's name.

        Raises:
            UnfitStateError: It is the state of another composition.
        """
        known = {part.name for part in self.parts}
        foreign = {key.partition(".")[0] for key in state if "." in key} - known
        if foreign:
            raise restoring.UnfitStateError(
                f"the state is of a strategy with {', '.join(sorted(foreign))}, which this one does not have"
            )
        for part in self.parts:
            own = {key.partition(".")[2]: value for key, value in state.items() if key.startswith(f"{part.name}.")}
            try:
                part.load_state_dict(own or state)
            except KeyError as error:
                raise restoring.UnfitStateError(f"the state has no {error.args[0]} of {part.name}") from error
