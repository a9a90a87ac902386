"""O-LoRA: Wang et al., Findings of EMNLP 2023 (arXiv 2310.14152): orthogonal low-rank subspaces.

Every task from the second on learns an adapter A_t, B_t of its own, and the loss gets olora_strength * sum_{i < t}
||A_i^T A_t||^2: what a task reads is orthogonal to what the tasks before it read, so that its adapter says nothing
about their inputs. When the task ends, A_t B_t is added to the trunk, which all tasks read, and A_t is kept.
Deviations: the strength is relative to ||A_i||^2, so that it means the same at any width; a task that comes back learns
a new adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.continual.generators.lora.low_rank import LowRank
from crl.continual.strategy import Labels, Storage


class OLoRA(LowRank):
    """An adapter per task, orthogonal to those before.

    Attributes:
        subspaces: A of every finished adapter, flat, in the order of their ends.
    """

    LABELS = Labels.BOUNDARIES
    OPTIONS: ClassVar[dict[str, Any]] = {**LowRank.OPTIONS, "olora_strength": 0.5}

    def _fresh(self) -> tuple[Tensor, Tensor]:
        fresh = super()._fresh()
        self.strength = self.option("olora_strength")
        self.subspaces: list[Tensor] = []
        return fresh

    def downs(self, adapter: Tensor) -> list[Tensor]:
        """A [E, in, r] of every matrix."""
        return [down for down, _ in self.pairs(adapter)]

    def _views(self, flat: Tensor) -> list[Tensor]:
        """The same of a kept subspace."""
        members, rank = self.network.ensemble, self.rank
        sizes = [members * inputs * rank for inputs, _ in self.matrices]
        parts = torch.split(flat, sizes)
        return [part.view(members, -1, rank) for part in parts]

    def overlap(self) -> Tensor:
        """sum_i ||A_i^T A_t||^2 / ||A_i||^2 over the kept subspaces, matrices and members."""
        now = self.downs(self.adapter)
        total = self.adapter.new_zeros(())
        for flat in self.subspaces:
            for kept, mine in zip(self._views(flat), now, strict=True):
                total = total + ((kept.mT @ mine).square().sum((1, 2)) / kept.square().sum((1, 2))).sum()
        return total

    def retain(self) -> Tensor | None:
        """Add the gradients of the overlap with the kept subspaces."""
        if not self.subspaces or self.strength == 0:
            return None
        cost = self.strength * self.overlap()
        cost.backward()
        return cost.detach()

    def finish(self) -> None:
        """Keep what the adapter reads, and add what it says to the trunk."""
        if self.based:
            self.subspaces.append(torch.cat([down.detach().flatten() for down in self.downs(self.adapter)]))
            self.merge()

    def storage(self) -> Storage:
        """A head and A of an adapter."""
        reads = sum(self.network.ensemble * inputs * self.rank for inputs, _ in self.matrices)
        return self._with_parts(4 * (len(self._next_head) + reads))

    def state_dict(self) -> dict[str, Any]:
        """The network, the current adapter, and what the earlier ones read."""
        return {**super().state_dict(), "subspaces": [flat.clone() for flat in self.subspaces]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        like = torch.cat([down.detach().flatten() for down in self.downs(self.adapter)])
        self.subspaces = [
            restoring.tensor(flat, f"subspaces[{at}]", like) for at, flat in enumerate(state["subspaces"])
        ]
