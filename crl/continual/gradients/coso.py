"""CoSO: Cheng, Wan, Wu, Hou, Zhang, NeurIPS 2025 (arXiv 2505.11816), section 3: a sequence of gradient subspaces.

M holds orthonormal directions of the finished tasks, layer by layer. A gradient G becomes G' = G - M M^T G. Every
coso_every steps its coso_rank largest left singular vectors become the subspace P, and the layer moves in it alone: G''
= P P^T G'. Frequent Directions (Ghashami et al. 2016) sketch the gradients of the task in 2 coso_rank columns; when it
ends, those of them that hold the share coso_energy of the sketch's squared length are added to M. Since P is orthogonal
to M, no step changes what earlier tasks' gradients say that they read. Deviations: Adam works on all weights, and its
step is projected onto P; the share replaces the paper's rank that grows with the task; those of
:mod:`crl.continual.gradients.projected`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.continual.generators.shared import SharedNetwork
from crl.continual.gradients.gradient_projection import extended
from crl.continual.gradients.projected import Projected
from crl.continual.gradients.sketching import sketched
from crl.dynamics.windows import Windows


class CoSO(Projected):
    """Low-rank steps in changing subspaces, all of them orthogonal to the finished tasks'.

    Attributes:
        bases: M, orthonormal directions [in + 1, k], by "layer member".
        subspaces: P, [in + 1, rank], by the same names.
        sketches: Columns [in + 1, 2 rank] that stand for the task's gradients, by the same names.
        moments: Sum of R R^T of the gradients R = P^T G' in the present subspace, [rank, rank]: not sketched yet.
        steps: Steps of the current task.
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"coso_rank": 16, "coso_every": 20, "coso_energy": 0.999}
    KEPT_ONCE = ("subspaces", "sketches", "moments")

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.rank = int(self.number("coso_rank", least=1))
        self.every = int(self.number("coso_every", least=1))
        self.energy = self.number("coso_energy", most=1)
        self.finished: list[int] = []
        self.bases = self.columns()
        self._clear()

    def _clear(self) -> None:
        self.steps = 0
        self.subspaces, self.sketches = self.columns(), self.columns(2 * self.rank)
        self.moments = {key: torch.zeros(0, 0, device=self.host.device) for key in self.names}

    def begin_task(self, task: int) -> None:
        """Start a new sequence of subspaces."""
        del task
        self._clear()

    def transform(self, gradients: Mapping[str, Tensor]) -> None:
        """Choose the subspaces when it is time, take the gradient into the sketch, and project it."""
        gradient = gradients.get("trunk")
        if gradient is None or not bool(torch.isfinite(gradient).all()):
            return
        for layer, whole in enumerate(self.both(gradient)):
            for member, own in enumerate(whole):
                key = f"{layer} {member}"
                left = own - self.bases[key] @ (self.bases[key].T @ own)
                if self.steps % self.every == 0:
                    self._sketch(key)
                    found = torch.linalg.svd(left, full_matrices=False).U[:, : self.rank]
                    self.subspaces[key] = found - self.bases[key] @ (self.bases[key].T @ found)
                    self.moments[key] = left.new_zeros(found.shape[1], found.shape[1])
                inside = self.subspaces[key].T @ left
                self.moments[key] = self.moments[key] + inside @ inside.T
        self.steps += 1
        super().transform(gradients)

    def _sketch(self, key: str) -> None:
        """Take the gradients in the present subspace into the sketch, all at once: their moments are all it needs."""
        if len(self.moments[key]):
            values, vectors = torch.linalg.eigh(self.moments[key])
            columns = self.subspaces[key] @ (vectors * values.clamp(min=0).sqrt())
            self.sketches[key] = sketched(self.sketches[key], columns)

    def project(self, layer: int, change: Tensor) -> Tensor:
        """What of a change [E, in + 1, out] lies in the subspaces."""
        spans = [self.subspaces[f"{layer} {member}"] for member in range(len(change))]
        return torch.stack([span @ (span.T @ own) for span, own in zip(spans, change, strict=True)])

    def end_task(self, rows: Windows) -> None:
        """Protect the directions that the task's gradients had."""
        del rows
        for key in self.names:
            self._sketch(key)
            if bool(self.sketches[key].any()):
                self.bases[key] = extended(self.bases[key], self.sketches[key].T, self.energy)
        self.finished.append(self.host.task)
        self._clear()

    def bytes_per_task(self) -> int:
        """The directions, on average over the finished tasks."""
        return sum(4 * basis.numel() for basis in self.bases.values()) // max(1, len(set(self.finished)))

    def state_dict(self) -> dict[str, Any]:
        """Directions, subspaces, sketches and moments."""
        own = {"bases": self.bases, "subspaces": self.subspaces, "sketches": self.sketches, "moments": self.moments}
        tables = {name: {key: value.clone() for key, value in table.items()} for name, table in own.items()}
        return {**tables, "finished": list(self.finished), "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.finished, self.steps = list(state["finished"]), int(state["steps"])
        self.bases, self.subspaces = self.restored(state, "bases"), self.restored(state, "subspaces")
        self.sketches = self.restored(state, "sketches")
        for key, span in self.subspaces.items():
            square = (span.shape[1], span.shape[1])
            self.moments[key] = restoring.tensor(state["moments"][key], f"moments/{key}", self.host.trunk, square)
