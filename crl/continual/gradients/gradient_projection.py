"""Gradient projection memory: Saha, Garg, Roy, ICLR 2021 (arXiv 2103.09762).

When a task ends, the inputs that each layer saw are summed up by the few directions that hold the share
``continual.energy`` of their squared length (equations 5 to 9). Later updates of that layer's matrix are made
orthogonal to the directions of all earlier tasks, so that the layer's response to their inputs stays: W x with
dW x = 0. No transition is kept, and no penalty is weighed. Deviations: those of
:mod:`crl.continual.gradients.projected`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl.config.declared.components import PARTS
from crl.continual.generators.shared import SharedNetwork
from crl.continual.gradients.projected import Projected, with_constant
from crl.continual.part import Boundary
from crl.dynamics.windows import Windows


class GradientProjection(Projected):
    """Updates orthogonal to what earlier tasks' layers read.

    Attributes:
        bases: For every protected layer and ensemble member, orthonormal directions [in + 1, k], by "layer member".
    """

    SETTINGS = PARTS["gradient_projection"]
    BOUNDARY = Boundary.ROWS

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.bases: dict[str, Tensor] = {}
        self.finished: list[int] = []
        self._project_onto()

    def _project_onto(self) -> None:
        """Projectors [E, in + 1, in + 1] onto the protected directions, per layer; none before the first task ends."""
        self._projectors: list[Tensor] = []
        for layer in range(self.layers if self.bases else 0):
            bases = [self.bases[f"{layer} {member}"] for member in range(self.network.ensemble)]
            self._projectors.append(torch.stack([basis @ basis.T for basis in bases]))

    def active(self) -> bool:
        """Whether a task has ended."""
        return bool(self._projectors)

    def project(self, layer: int, change: Tensor) -> Tensor:
        """Remove from a change [E, in + 1, out] what would change the response to earlier inputs."""
        return change - self._projectors[layer] @ change

    def end_task(self, rows: Windows) -> None:
        """Add the directions that the task's inputs need and no earlier task has."""
        host = self.host
        inputs = host.evaluator.inputs(host.task, rows.choose(self.config.continual.fisher_rows, self.generator))
        with torch.no_grad():
            seen = self.network.layer_inputs(host.join(host.task).detach(), inputs.unsqueeze(0))
        for layer in range(self.layers):
            for member in range(self.network.ensemble):
                read = with_constant(seen[layer][member])
                name = f"{layer} {member}"
                known = self.bases.get(name, read.new_zeros(read.shape[1], 0))
                self.bases[name] = extended(known, read, self.config.continual.energy)
        self.finished.append(host.task)
        self._project_onto()

    def bytes_per_task(self) -> int:
        """The directions, on average over the finished tasks."""
        return sum(4 * basis.numel() for basis in self.bases.values()) // max(1, len(set(self.finished)))

    def state_dict(self) -> dict[str, Any]:
        """The protected directions."""
        bases = {name: basis.clone() for name, basis in self.bases.items()}
        return {"bases": bases, "finished": list(self.finished)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.bases = self.restored(state, "bases") if state["bases"] else {}
        self.finished = list(state["finished"])
        self._project_onto()


def extended(basis: Tensor, inputs: Tensor, energy: float) -> Tensor:
    """A basis with the fewest further directions such that it holds a share of the inputs' squared length.

    Args:
        basis: Orthonormal directions [D, k].
        inputs: Inputs [N, D].
        energy: Share of the squared length of all inputs, 0 to 1.

    Returns:
        Orthonormal directions [D, k'], k' >= k, the old ones first.
    """
    left = inputs.double() - inputs.double() @ basis.double() @ basis.double().T
    total = inputs.double().square().sum()
    _, lengths, directions = torch.linalg.svd(left, full_matrices=False)
    held = total - left.square().sum() + torch.cumsum(lengths.square(), dim=0)
    missing = int((held < energy * total).sum()) + 1 if total - left.square().sum() < energy * total else 0
    room = basis.shape[0] - basis.shape[1]
    fresh = directions[: min(missing, room)].T
    # Rounding leaves a trace of the old directions in the new ones.
    fresh = torch.linalg.qr(fresh - basis.double() @ (basis.double().T @ fresh)).Q if fresh.numel() else fresh
    return torch.cat([basis, fresh.to(basis.dtype)], dim=1)
