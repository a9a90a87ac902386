"""One ordinary network for all tasks, whose last layer each task may have for itself: the base of many strategies.

The target weights w [P] are a trunk (all layers but the last) and a head (the last layer). With ``continual.heads:
task`` every task has a head of its own, which starts as a copy of the one before (multi-head, as the baselines of
Huang et al. 2021); otherwise there is one head, and all of w counts as trunk. What protects earlier tasks are the
parts, or the hooks that subclasses override.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.config.declared.components import GENERATORS
from crl.continual.composable import Composable
from crl.continual.optimiser import Adam
from crl.continual.part import Host
from crl.continual.strategy import Labels, Loss, Storage
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class SharedNetwork(Composable):
    """A trunk for all tasks, and a head per task or for all.

    Attributes:
        HEADS: Whether every task has a head of its own; ``None``: ``continual.heads`` says.
        trunk: What all tasks share, [P] or [P - head].
        heads: Head [head] of every task that has begun (empty tensors if the head is shared).
        task: The current task; -1 before the first.
    """

    HOST = Host.NETWORK
    LABELS: ClassVar[Labels] = Labels.NONE
    STARTS_LIKE = True
    HEADS: ClassVar[bool | None] = None
    SETTINGS: ClassVar[tuple[str, ...] | None] = GENERATORS["shared"]
    kept_once: tuple[str, ...] = ("trunk", "next_head")

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(config, network, generator, device)
        self.heads: dict[int, Tensor] = {}
        self.trunk, self._next_head = self._fresh()
        self._start_task()

    def head_per_task(self) -> bool:
        """Whether every task has a head of its own."""
        return self.config.continual.heads == "task" if self.HEADS is None else self.HEADS

    def own_labels(self) -> Labels:
        """Which task it is, if every task has a head of its own."""
        return Labels.TOLD if self.head_per_task() else self.LABELS

    def _fresh(self) -> tuple[Tensor, Tensor]:
        """An ordinary initial trunk and head."""
        weights = self.network.initial(self.generator).to(self.device)
        head = self.network.head_size if self.head_per_task() else 0
        trunk, last = weights[: len(weights) - head], weights[len(weights) - head :]
        return trunk.clone().requires_grad_(), last.clone()

    # ------------------------------------------------------------------ the life of a task
    def begin_task(self, task: int) -> None:
        """Go on with the same trunk, and with the task's own head; the optimiser starts afresh."""
        self.task = task
        if task not in self.heads:
            self.heads[task] = self._next_head.clone()
        self._start_task()
        self._begin_parts(task)

    def start_like(self, task: int, other: int) -> None:
        """Start from the other task's head; the trunk is shared anyway."""
        with torch.no_grad():
            self.heads[task].copy_(self.heads[other])
        self._average.clear()

    def moving(self) -> dict[str, Tensor]:
        """The parameters that learn in the current task, by name."""
        if self.task not in self.heads:
            return {"trunk": self.trunk}
        if any(part.MOVES_HEADS for part in self.memories):
            return {"trunk": self.trunk, **{f"head {task}": head for task, head in self.heads.items()}}
        return {"trunk": self.trunk, f"head {self.task}": self.heads[self.task]}

    def shared(self) -> dict[str, Tensor]:
        """The trunk."""
        return {"trunk": self.trunk}

    def _start_task(self) -> None:
        config = self.config.learning
        for head in self.heads.values():
            head.requires_grad_(False)
        moving = {name: tensor.requires_grad_() for name, tensor in self.moving().items()}
        self.optimiser = Adam(moving, config.lr, config.clip)
        self._average.clear()

    def end_task(self, rows: Windows) -> None:
        """Make the averaged weights the weights, and show the rows to the parts."""
        averaged = self._average.of(self.moving())
        with torch.no_grad():
            for name, tensor in self.moving().items():
                tensor.copy_(averaged[name])
        self._average.clear()
        self._end_parts(rows)
        self._next_head = self.heads[self.task].detach().clone()

    # ------------------------------------------------------------------ one learning step
    def step(self, loss: Loss) -> dict[str, Tensor]:
        """One gradient step on the current task's loss, with what protects the earlier ones."""
        self.optimiser.zero()
        with self._watching():
            value = loss(self.join(self.task))
        value.backward()
        report = {"task": value.detach()}
        self._before_step()
        costs = [self.retain(), *(part.penalise() for part in self.penalties), *self._replayed()]
        for cost in costs:
            if cost is not None:
                report["retain"] = report["retain"] + cost if "retain" in report else cost
        self._transform()
        self.move()
        self._average.update(self.moving())
        return report

    def _replayed(self) -> Iterator[Tensor]:
        """Add the gradients of what the memories replay; their losses, detached."""
        for part in self.memories:
            loss = part.replay()
            if loss is not None:
                loss.backward()
                yield loss.detach()

    def join(self, task: int) -> Tensor:
        """Target weights [P] of a task, differentiable in trunk and head."""
        return torch.cat([self.trunk, self.heads[task]]) if self.head_per_task() else self.trunk

    def differentiable(self, task: int) -> Tensor:
        """See :meth:`join`."""
        return self.join(task)

    def retain(self) -> Tensor | None:
        """Add the gradients of what protects earlier tasks; returns its value (detached), if there is any."""
        return None

    def move(self) -> bool:
        """Take the optimiser's step, as the parts allow it; says whether anything moved."""
        return self._move()

    # ------------------------------------------------------------------ what others ask for
    def weights(self, task: int) -> Tensor:
        """The shared weights with the task's head, [P]."""
        averaged = self._average.of(self.moving())
        head = averaged.get(f"head {task}", self.heads.get(task, self._next_head))
        return torch.cat([averaged["trunk"], head]).detach()

    def _rate(self, factor: float) -> None:
        self.optimiser.factor = factor

    def storage(self) -> Storage:
        """The heads, if every task has one, and what the parts keep."""
        return self._with_parts(4 * len(self._next_head))

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimiser, average and parts."""
        return {
            "task": self.task,
            "trunk": self.trunk.detach().clone(),
            "heads": {task: head.detach().clone() for task, head in self.heads.items()},
            "next_head": self._next_head.clone(),
            "optimiser": self.optimiser.state_dict(),
            "average": self._average.state_dict(),
            "generator": self.generator.get_state(),
            **self._state_of_parts(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        state = _migrated(state) if "weights" in state else state
        self.generator.set_state(state["generator"])
        self.task = int(state["task"])
        self.trunk = restoring.tensor(state["trunk"], "trunk", self.trunk)
        self.heads = restoring.tensors(state["heads"], "heads", self._next_head)
        self._next_head = restoring.tensor(state["next_head"], "next_head", self._next_head)
        self._start_task()
        with restoring.part("optimiser"):
            self.optimiser.load_state_dict(state["optimiser"])
        with restoring.part("average"):
            self._average.load_state_dict(state["average"], self.moving())
        self._load_parts(state)


def _migrated(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of fine-tuning or ``single`` from a checkpoint of before there were heads, in today's form."""
    weights = state["weights"]
    task = int(state.get("task", 0))
    none = weights[:0].clone()
    sums, moments = state["average"]["sums"], state["optimiser"]
    averaged = {"trunk": sums["weights"], f"head {task}": none.clone()} if sums else {}
    return {
        **{name: part for name, part in state.items() if name != "weights"},
        "task": task,
        "trunk": weights,
        "heads": {task: none},
        "next_head": none,
        "optimiser": {"trunk": moments["weights"]} if moments else {},
        "average": {**state["average"], "sums": averaged},
    }
