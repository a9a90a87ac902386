"""Continual learning with dynamic sparse training: Yildirim et al., CPAL 2024 (arXiv 2308.14831).

A task begins with sparse_density of the free weights, drawn at random: with ``sparse_start=uniform`` that share of
every matrix, with ``er`` (Erdos-Renyi) in proportion to (in + out) / (in * out), so that narrow layers keep more. Every
sparse_every steps the sparse_moved share of its connections with the smallest sizes is dropped, and as many grow at
random free places, from zero. When the task ends its connections are its own for ever, and later tasks read them.
Deviations: biases belong to the first task; growth is random alone, which the paper finds best where connections are
few; the share that moves is not lowered in the course of a task, whose length a robot does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import GENERATORS
from crl.continual import options
from crl.continual.generators.owned import Owned
from crl.continual.networks.connections import drawn, erdos_renyi, matrices
from crl.dynamics.windows import Windows
from crl.errors import SettingsError


class Sparse(Owned):
    """A task learns few connections, which move to where they are of use.

    Attributes:
        mine: The connections of the current task, which are not owned yet: a mask [trunk].
        moves: Gradient steps of the current task that moved something.
    """

    SETTINGS = GENERATORS["sparse"]
    OPTIONS: ClassVar[dict[str, Any]] = {
        "sparse_density": 0.3,
        "sparse_start": "er",
        "sparse_every": 50,
        "sparse_moved": 0.2,
    }
    kept_once = (*Owned.kept_once, "mine")

    def _fresh(self) -> tuple[Tensor, Tensor]:
        trunk, head = super()._fresh()
        self.density = options.number(self.config, self.OPTIONS, "sparse_density", most=1, above=True)
        self.share = options.number(self.config, self.OPTIONS, "sparse_moved", most=1)
        self.every = options.whole(self.config, self.OPTIONS, "sparse_every", least=1)
        self.start = self.config.continual.options.get("sparse_start", self.OPTIONS["sparse_start"])
        if self.share == 1 or self.start not in ("er", "uniform"):
            raise SettingsError(
                f"sparse_moved={self.share:g} must be below 1, and sparse_start={self.start} er or uniform"
            )
        self.mine, self.moves = torch.zeros(len(trunk), dtype=torch.bool, device=self.device), 0
        self.matrices = matrices(self.network, trunk)  # the places of every one in the trunk
        return trunk, head

    def learnable(self) -> Tensor:
        """The connections of the current task."""
        return self.mine

    def begin_task(self, task: int) -> None:
        """Draw the connections of a new task."""
        if task not in self.order and task not in self.heads:
            self.moves, self.mine = 0, self._drawn()
        super().begin_task(task)

    def _drawn(self) -> Tensor:
        """Free connections, and in the first task all biases: a mask [trunk]."""
        mine = torch.full_like(self.owner, not self.order, dtype=torch.bool)
        layers = self.network.layers[: len(self.matrices)]
        shares = erdos_renyi(layers, self.density) if self.start == "er" else [self.density] * len(layers)
        for matrix, share in zip(self.matrices, shares, strict=True):
            free = matrix[self.owner[matrix] == 0]
            mine[matrix] = False
            mine[drawn(free, max(1, round(share * len(free))), self.generator)] = True
        return mine

    def move(self) -> bool:
        """Take the step, and let connections move when it is time."""
        moved = super().move()
        if moved and self.task not in self.order:
            self.moves += 1
            if self.moves % self.every == 0:
                self._rewire()
        return moved

    def _rewire(self) -> None:
        """Drop the smallest connections of every matrix, and grow as many at free places."""
        for matrix in self.matrices:
            mine, free = matrix[self.mine[matrix]], matrix[~self.mine[matrix] & (self.owner[matrix] == 0)]
            count = min(int(self.share * len(mine)), len(free))
            if count == 0:
                continue
            dropped = mine[self.trunk.detach()[mine].abs().topk(count, largest=False).indices]
            changed = torch.zeros_like(self.mine)
            changed[torch.cat([dropped, drawn(free, count, self.generator)])] = True
            self.mine = self.mine ^ changed
            with torch.no_grad():
                self.trunk.masked_fill_(changed, 0.0)
            self.optimiser.forget("trunk", changed)

    def end_task(self, rows: Windows) -> None:
        """Own the connections."""
        super().end_task(rows)
        if self.task not in self.order:
            self.order.append(self.task)
            self.owner[self.mine] = len(self.order)
            self.mine = torch.zeros_like(self.mine)

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimiser, average, who owns what, and the current task's connections."""
        return {**super().state_dict(), "mine": self.mine.clone(), "moves": self.moves}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        self.mine = restoring.tensor(state["mine"], "mine", self.mine)
        self.moves = int(state["moves"])
