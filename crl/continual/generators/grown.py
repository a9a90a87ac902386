"""Growing depth: Kozal and Wozniak 2022 (arXiv 2202.10821): new layers on top of a network that rests.

The first task learns an ordinary network. After it, its hidden layers rest, and each later task stacks a hidden layer
and a head of its own on them: nothing that a finished task reads ever changes, and a task costs a layer in place of a
network. The stacked matrix starts as the identity with zero bias, and the head as a copy of the first task's; with ReLU
the new task therefore starts with exactly the first task's function. Deviation: all tasks stack on the first one's
layers and not in a tree, whose node the paper finds by comparing tasks; ``continual.start=nearest`` starts a stack as a
copy of the nearest task's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import GENERATORS
from crl.continual.generators.shared import SharedNetwork
from crl.continual.part import Host
from crl.continual.strategy import Labels, Storage
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class Grown(SharedNetwork):
    """A stacked layer and a head per task on the layers of the first one.

    Attributes:
        first: The task whose layers all read, -1 before it has begun; they rest once it has ended (``based``).
        stacks: The stacked layer of every later task, flat.
        deep: The network of these tasks.
    """

    HOST = Host.FROZEN
    LABELS = Labels.TOLD
    HEADS = True
    SETTINGS = GENERATORS["grown"]

    def _fresh(self) -> tuple[Tensor, Tensor]:
        self.first, self.based, self.stacks, self.deep = -1, False, dict[int, Tensor](), self.network.deepened()
        return super()._fresh()

    def fresh_stack(self) -> Tensor:
        """The identity and a zero bias for every member, flat."""
        members, width = self.network.ensemble, self.network.layers[-1][0]
        return torch.cat([torch.eye(width).repeat(members, 1).flatten(), torch.zeros(members * width)]).to(self.device)

    def begin_task(self, task: int) -> None:
        """Stack a layer for a new task; every head starts as the first task's."""
        self.first = task if self.first < 0 else self.first
        if task not in self.heads and task != self.first:
            self.stacks[task] = self.fresh_stack()
            self._next_head = self.heads[self.first].detach().clone()
        super().begin_task(task)

    def start_like(self, task: int, other: int) -> None:
        """Start from the other task's stacked layer and head."""
        super().start_like(task, other)
        with torch.no_grad():
            self.stacks[task].copy_(self.stacks.get(other, self.fresh_stack()))

    def network_of(self, task: int) -> TargetNetwork:
        """The deeper network for all tasks but the first."""
        return self.deep if task in self.stacks else super().network_of(task)

    def moving(self) -> dict[str, Tensor]:
        """The parameters that learn in the current task, by name."""
        moving = super().moving()
        if self.task in self.stacks:
            moving["stack"] = self.stacks[self.task]
        if self.based or self.task in self.stacks:
            del moving["trunk"]
        return moving

    def shared(self) -> dict[str, Tensor]:
        """What learns beside the head: the first task's layers, or the stacked one."""
        return {name: value for name, value in self.moving().items() if name in ("trunk", "stack")}

    def _start_task(self) -> None:
        for tensor in (self.trunk, *self.stacks.values()):
            tensor.requires_grad_(False)
        super()._start_task()

    def join(self, task: int) -> Tensor:
        """Weights [P] of a task's network: the first task's layers, the stacked one, the head."""
        return self._joined(task, {})

    def _joined(self, task: int, averaged: Mapping[str, Tensor]) -> Tensor:
        parts = [averaged.get("trunk", self.trunk)]
        if task in self.stacks:
            parts.append(averaged["stack"] if task == self.task and averaged else self.stacks[task])
        return torch.cat([*parts, averaged.get(f"head {task}", self.heads[task])])

    def weights(self, task: int) -> Tensor:
        """Weights [P] of a task's network."""
        return self._joined(task, self._average.of(self.moving())).detach()

    def end_task(self, rows: Windows) -> None:
        """Finish the task; after the first one its layers rest."""
        super().end_task(rows)
        self.based = True
        self._start_task()

    def storage(self) -> Storage:
        """A stacked layer and a head."""
        return self._with_parts(4 * (len(self.fresh_stack()) + len(self._next_head)))

    def state_dict(self) -> dict[str, Any]:
        """The first task's layers, what is stacked on them, heads, optimiser and average."""
        stacks = {task: stack.detach().clone() for task, stack in self.stacks.items()}
        return {**super().state_dict(), "first": self.first, "based": self.based, "stacks": stacks}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.first, self.based = int(state["first"]), bool(state["based"])
        self.stacks = restoring.tensors(state["stacks"], "stacks", self.fresh_stack())
        super().load_state_dict(state)
