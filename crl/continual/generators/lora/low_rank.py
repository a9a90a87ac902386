"""Low-rank adaptation: Hu et al., ICLR 2022 (arXiv 2106.09685), equation 3, and the base of what derives from it.

The first task learns the whole trunk. From the second on, the trunk rests, and every matrix W [in, out] of it becomes
W + A B with A [in, r] and B [r, out], r = lora_rank. A starts as a layer's weights do and B at zero, so that a new
adapter changes nothing at first. Here one adapter serves all later tasks and goes on learning with each, which is the
static form of ConPET (Song et al. 2023, arXiv 2309.14763) when a memory is put beside it. Deviations: no
model was trained on other data before, so the first task stands for it; there is no factor alpha / r; biases rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import GENERATORS
from crl.continual import options
from crl.continual.generators.shared import SharedNetwork
from crl.continual.part import Host
from crl.dynamics.windows import Windows


class LowRank(SharedNetwork):
    """A network that rests after the first task, and one adapter for all later tasks.

    Attributes:
        based: Whether the first task has ended, so that the trunk rests.
        adapter: A and B of every matrix of the trunk, flat.
        matrices: (inputs, outputs) of the matrices that are adapted.
        rank: r.
    """

    HOST = Host.ADAPTERS
    SETTINGS = GENERATORS["low_rank"]
    OPTIONS: ClassVar[dict[str, Any]] = {"lora_rank": 4}
    kept_once: tuple[str, ...] = (*SharedNetwork.kept_once, "adapter")

    def _fresh(self) -> tuple[Tensor, Tensor]:
        trunk, head = super()._fresh()
        self.rank = options.whole(self.config, self.OPTIONS, "lora_rank", least=1)
        layers = self.network.layers
        self.matrices = layers[:-1] if self.head_per_task() else layers
        self.based = False
        self.adapter = self.fresh_adapter()
        return trunk, head

    def option(self, name: str) -> float:
        """The value of an option that is a number of at least 0.

        Raises:
            SettingsError: It is not.
        """
        return options.number(self.config, self.OPTIONS, name)

    def fresh_adapter(self) -> Tensor:
        """A ~ U(-1/sqrt(in), 1/sqrt(in)), B = 0, for every matrix and member of the ensemble, flat."""
        parts = []
        for inputs, outputs in self.matrices:
            down = 2 * torch.rand(self.network.ensemble * inputs * self.rank, generator=self.generator) - 1
            parts += [down / math.sqrt(inputs), torch.zeros(self.network.ensemble * self.rank * outputs)]
        return torch.cat(parts).to(self.device)

    def pairs(self, adapter: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Views of an adapter: A [E, in, r] and B [E, r, out] of every matrix."""
        members, found, at = self.network.ensemble, [], 0
        for inputs, outputs in self.matrices:
            middle = at + members * inputs * self.rank
            end = middle + members * self.rank * outputs
            found.append(
                (
                    adapter[at:middle].view(members, inputs, self.rank),
                    adapter[middle:end].view(members, self.rank, outputs),
                )
            )
            at = end
        return found

    def change(self, adapter: Tensor, gates: Tensor | None = None) -> Tensor:
        """What an adapter adds to the trunk, [trunk]: A diag(g) B for the matrices, nothing for the biases.

        Args:
            adapter: The adapter, flat.
            gates: g of every matrix, [matrices, E, r]; all one by default.
        """
        parts = []
        for index, (down, up) in enumerate(self.pairs(adapter)):
            left = down if gates is None else down * gates[index].unsqueeze(1)
            parts += [(left @ up).flatten(), adapter.new_zeros(self.network.ensemble * up.shape[-1])]
        return torch.cat(parts)

    # ------------------------------------------------------------------ what a task reads
    def adapted(self, task: int, tensors: Mapping[str, Tensor]) -> Tensor:
        """The trunk that a task reads, [trunk].

        Args:
            task: The task.
            tensors: What learns at present, as it is or averaged; see :meth:`moving`.
        """
        del task
        return self.trunk + self.change(tensors["adapter"])

    def _trunk_of(self, task: int, tensors: Mapping[str, Tensor]) -> Tensor:
        return self.adapted(task, tensors) if self.based else tensors["trunk"]

    def join(self, task: int) -> Tensor:
        """Target weights [P] of a task, differentiable in what learns."""
        trunk = self._trunk_of(task, self.moving())
        return torch.cat([trunk, self.heads[task]]) if self.head_per_task() else trunk

    def weights(self, task: int) -> Tensor:
        """The adapted weights with the task's head, [P]."""
        averaged = self._average.of(self.moving())
        head = averaged.get(f"head {task}", self.heads.get(task, self._next_head))
        return torch.cat([self._trunk_of(task, averaged), head]).detach()

    # ------------------------------------------------------------------ what learns
    def learning(self) -> dict[str, Tensor]:
        """What learns beside the heads once the trunk rests, by name."""
        return {"adapter": self.adapter}

    def shared(self) -> dict[str, Tensor]:
        """The trunk in the first task, what :meth:`learning` says afterwards."""
        return self.learning() if self.based else super().shared()

    def moving(self) -> dict[str, Tensor]:
        """The parameters that learn in the current task, by name."""
        heads = {name: value for name, value in super().moving().items() if name != "trunk"}
        return {**self.shared(), **heads}

    def _start_task(self) -> None:
        for tensor in (self.trunk, *self.learning().values()):
            tensor.requires_grad_(False)
        super()._start_task()

    def end_task(self, rows: Windows) -> None:
        """Finish the task; after the first one the trunk rests."""
        super().end_task(rows)
        self.finish()
        self.based = True
        self._start_task()

    def finish(self) -> None:
        """Do what a variation does when a task ends; in the first one, :attr:`based` is not set yet."""

    def merge(self, gates: Tensor | None = None) -> None:
        """Add what the adapter says to the trunk, and begin a fresh adapter."""
        with torch.no_grad():
            self.trunk.add_(self.change(self.adapter, gates))
        self.adapter = self.fresh_adapter()

    # ------------------------------------------------------------------ what is kept
    def state_dict(self) -> dict[str, Any]:
        """The network that rests, the adapter, heads, optimiser and average."""
        return {**super().state_dict(), "based": self.based, "adapter": self.adapter.detach().clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.based = bool(state["based"])
        self.adapter = restoring.tensor(state["adapter"], "adapter", self.adapter.detach())
        super().load_state_dict(state)
