"""HLOP: Xiao, Meng, Zhang, He, Lin, ICLR 2024 (arXiv 2402.11984), section 4: projections that Hebbian learning finds.

Beside every layer, hebbian_units lateral units per task learn the principal subspace of what the layer reads, as y = H
x. Of the input only that part counts which the units of finished tasks do not see, x' = x - H_old^T H_old x, and the
new ones follow Oja's subspace rule, dH = hebbian_rate (y x'^T - y y^T H): a Hebbian and an anti-Hebbian term. Steps are
projected, G - H_old^T H_old G, so that the layer's answer to what the old units see stays. Nothing but H is kept, and
no singular value decomposition of data is needed. Deviations: when a task ends its units are made orthonormal, which
Oja's rule gives in the limit only; there are no spikes; those of :mod:`crl.continual.gradients.projected`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.continual.generators.shared import SharedNetwork
from crl.continual.gradients.projected import Projected, with_constant
from crl.dynamics.windows import Windows


class Hebbian(Projected):
    """Lateral units learn what each layer reads, step by step; later steps leave that alone.

    Attributes:
        old: H_old^T, orthonormal columns [in + 1, k] of the finished tasks, by "layer member".
        new: H^T, [in + 1, units], of the current task.
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"hebbian_units": 12, "hebbian_rate": 0.01}
    WATCHES = True
    FOLLOWS = True
    KEPT_ONCE = ("new",)

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.units = int(self.number("hebbian_units", least=1))
        self.rate = self.number("hebbian_rate", most=1)
        self.finished: list[int] = []
        self.old, self.new = self.columns(), self.columns()
        self._seen: list[Tensor] = []

    def begin_task(self, task: int) -> None:
        """Draw new units in what the old ones leave."""
        del task
        for key, old in self.old.items():
            count = min(self.units, self.reads(key) - old.shape[1])
            drawn = torch.randn(self.reads(key), count, generator=self.generator).to(old)
            self.new[key] = orthonormal(drawn - old @ (old.T @ drawn))

    def see(self, layers: Sequence[Tensor]) -> None:
        """Remember what the layers read in this step."""
        self._seen = [with_constant(read.detach()) for read in layers[: self.layers]]

    def after_step(self, before: Mapping[str, Tensor]) -> None:
        """Let the lateral units learn, unless the step moved nothing."""
        del before
        gradient = self.host.trunk.grad
        if self.host.still or gradient is None or not bool(torch.isfinite(gradient).all()):
            return
        for layer, read in enumerate(self._seen):
            for member, own in enumerate(read):
                key = f"{layer} {member}"
                left = own - own @ self.old[key] @ self.old[key].T
                self.new[key] = oja(self.new[key], left, self.rate)

    def active(self) -> bool:
        """From the second task on."""
        return bool(self.finished)

    def project(self, layer: int, change: Tensor) -> Tensor:
        """Remove from a change [E, in + 1, out] what would change the answer to what old units see."""
        spans = [self.old[f"{layer} {member}"] for member in range(len(change))]
        return torch.stack([own - span @ (span.T @ own) for span, own in zip(spans, change, strict=True)])

    def end_task(self, rows: Windows) -> None:
        """Make the units orthonormal, and keep them."""
        del rows
        for key, new in self.new.items():
            self.old[key] = torch.cat(
                [self.old[key], orthonormal(new - self.old[key] @ (self.old[key].T @ new))], dim=1
            )
        self.new = {key: new[:, :0] for key, new in self.new.items()}
        self.finished.append(self.host.task)

    def bytes_per_task(self) -> int:
        """The units, on average over the finished tasks."""
        return sum(4 * old.numel() for old in self.old.values()) // max(1, len(set(self.finished)))

    def state_dict(self) -> dict[str, Any]:
        """Old and new units."""
        tables = {"old": self.old, "new": self.new}
        kept = {name: {key: value.clone() for key, value in table.items()} for name, table in tables.items()}
        return {**kept, "finished": list(self.finished)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.finished = list(state["finished"])
        self.old, self.new = self.restored(state, "old"), self.restored(state, "new")


def oja(units: Tensor, inputs: Tensor, rate: float) -> Tensor:
    """Units [D, k] after one step of Oja's subspace rule on inputs [N, D], scaled to a mean squared length of one."""
    scaled = inputs / inputs.square().sum(dim=1).mean().sqrt().clamp(min=1e-8)
    answers = scaled @ units
    return units + rate * (scaled.T @ answers - units @ (answers.T @ answers)) / len(inputs)


def orthonormal(columns: Tensor) -> Tensor:
    """An orthonormal basis [D, k] of the space of columns [D, k]."""
    basis: Tensor = torch.linalg.qr(columns).Q
    return basis
