"""The base of memories: what is chosen and kept, and the replay of one earlier task in every step."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from crl.config.declared.components import PARTS
from crl.continual.memories.keeping import Keeping
from crl.continual.part import Host, HostT, Kind, Part
from crl.dynamics.windows import Windows


class Replaying(Part[HostT]):
    """Adds a loss about earlier tasks to every step.

    Attributes:
        MOVES_HEADS: Whether the heads of all tasks go on learning, and not only the current one.
    """

    KIND: ClassVar[Kind] = Kind.MEMORY
    HOSTS: ClassVar[tuple[Host, ...]] = (Host.NETWORK, Host.HYPERNETWORK)
    MOVES_HEADS: ClassVar[bool] = True

    def replay(self) -> Tensor | None:
        """The loss to add in this step, with its graph; ``None`` if there is nothing to replay."""
        return None


class Memory(Keeping[HostT], Replaying[HostT]):
    """Keeps windows of finished tasks, and judges those of one task, drawn at random, in every step."""

    SETTINGS: ClassVar[tuple[str, ...] | None] = PARTS["coreset"]

    def loss(self, task: int, weights: Tensor, rows: Windows) -> Tensor:
        """The loss of weights [P] on kept windows of a task."""
        return self.host.evaluator.loss(task, weights, rows)

    def draw(self) -> tuple[int, Windows] | None:
        """An earlier task, and a batch of what is kept of it; ``None`` if there is nothing to replay."""
        task = self.kept.draw_task(self.host.task, self.generator, self.host.replayable())
        if task is None or self.config.continual.replay_weight == 0:
            return None
        count = self.config.learning.batch * self.host.network.ensemble
        return task, self.kept[task].draw(count, self.generator)

    def replay(self) -> Tensor | None:
        """The loss to add in this step, with its graph; ``None`` if there is nothing to replay."""
        drawn = self.draw()
        if drawn is None:
            return None
        task, rows = drawn
        return self.config.continual.replay_weight * self.loss(task, self.host.differentiable(task), rows)
