"""CoDyRA: Lu et al. 2024 (arXiv 2412.01004): every task chooses the ranks that it needs.

An adapter is sum_k g_k a_k b_k with an importance g_k per rank, learned along and pulled to zero by
codyra_strength * sum_k |g_k|. After every gradient step g_k becomes sign(g_k) max(|g_k| - eta codyra_strength, 0), the
proximal step with the learning rate eta; a rank at zero says nothing, and may come back. When the task ends, what is
left is added to the trunk, which all tasks read. Deviations: importances start at one; no steps without the pull come
first, because new adapters start at zero and the pull is small beside Adam's steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.continual.generators.lora.low_rank import LowRank
from crl.continual.strategy import Labels


class CoDyRA(LowRank):
    """Ranks that a task does not need become zero.

    Attributes:
        gates: g, [matrices, E, r].
        ranks: How many ranks of every matrix the last finished task has kept, mean of the members, [matrices].
    """

    LABELS = Labels.BOUNDARIES
    OPTIONS: ClassVar[dict[str, Any]] = {**LowRank.OPTIONS, "codyra_strength": 0.1}
    kept_once = (*LowRank.kept_once, "gates", "ranks")

    def _fresh(self) -> tuple[Tensor, Tensor]:
        fresh = super()._fresh()
        self.strength = self.option("codyra_strength")
        self.gates = self._open()
        self.ranks = torch.full((len(self.matrices),), float(self.rank), device=self.device)
        return fresh

    def _open(self) -> Tensor:
        return torch.ones(len(self.matrices), self.network.ensemble, self.rank, device=self.device)

    def learning(self) -> dict[str, Tensor]:
        """The adapter and its importances."""
        return {**super().learning(), "gates": self.gates}

    def adapted(self, task: int, tensors: Mapping[str, Tensor]) -> Tensor:
        """The trunk with the weighted adapter, [trunk]."""
        del task
        return self.trunk + self.change(tensors["adapter"], tensors["gates"])

    def move(self) -> bool:
        """Take the step, and the proximal step of the importances."""
        moved = super().move()
        if moved and self.based:
            least = self.optimiser.lr * self.optimiser.factor * self.strength
            with torch.no_grad():
                self.gates.copy_(torch.nn.functional.softshrink(self.gates, least))
        return moved

    def finish(self) -> None:
        """Add what is left to the trunk."""
        if self.based:
            self.ranks = (self.gates.detach() != 0).sum(dim=2).float().mean(dim=1)
            self.merge(self.gates.detach())
            self.gates = self._open()

    def state_dict(self) -> dict[str, Any]:
        """The network, the adapter and its importances."""
        return {**super().state_dict(), "gates": self.gates.detach().clone(), "ranks": self.ranks.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.gates = restoring.tensor(state["gates"], "gates", self.gates.detach())
        super().load_state_dict(state)
        self.ranks = restoring.tensor(state["ranks"], "ranks", self.ranks)
