"""The base of projections: layer by layer, what a change of the trunk may not do is taken away.

A layer reads x and gives W^T x + b. Its matrix and its bias are taken together, [in + 1, out], the bias as the weights
of a constant input, so that it is protected too. Because Adam rescales gradients element by element, its step is
projected, not only the gradient.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.continual.generators.shared import SharedNetwork
from crl.continual.gradients.gradient import Gradient
from crl.continual.part import Host


class Projected(Gradient[SharedNetwork]):
    """Projects gradients and steps, one layer of the trunk after the other.

    Attributes:
        network: The network whose layers they are.
        layers: How many layers the trunk has: all, or all but the head.
        names: "layer member" of every layer of the trunk and every member of the ensemble.
    """

    HOSTS = (Host.NETWORK,)
    CORRECTS = True

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.network = host.network
        self.layers = len(self.network.layers) - (1 if host.head_per_task() else 0)
        self.names = [f"{layer} {member}" for layer in range(self.layers) for member in range(self.network.ensemble)]

    def reads(self, name: str) -> int:
        """How many numbers the layer of a name reads, with the constant input."""
        return self.network.layers[int(name.split()[0])][0] + 1

    def columns(self, count: int = 0) -> dict[str, Tensor]:
        """Columns of zeros [in + 1, count] by every name."""
        return {name: torch.zeros(self.reads(name), count, device=self.host.device) for name in self.names}

    def restored(self, saved: Mapping[str, Any], table: str) -> dict[str, Tensor]:
        """Saved columns [in + 1, any] by every name, of a table of the state."""
        trunk = self.host.trunk
        return {
            name: restoring.tensor(saved[table][name], f"{table}/{name}", trunk, (self.reads(name), None))
            for name in self.names
        }

    def active(self) -> bool:
        """Whether there is anything to take away."""
        return True

    @abstractmethod
    def project(self, layer: int, change: Tensor) -> Tensor:
        """What is left of a change [E, in + 1, out] of a layer."""

    def transform(self, gradients: Mapping[str, Tensor]) -> None:
        """Project the gradient."""
        if "trunk" in gradients and self.active():
            self._project(gradients["trunk"])

    def correct(self, changes: Mapping[str, Tensor]) -> None:
        """Project the step."""
        if self.active():
            self._project(changes["trunk"])

    def _project(self, change: Tensor) -> None:
        """Project a change of the trunk [trunk], in place."""
        parts = torch.split(change, self.network.tensor_sizes[: 2 * self.layers])
        for layer in range(self.layers):
            matrix, bias = self._views(parts, layer)
            left = self.project(layer, torch.cat([matrix, bias], dim=1))
            matrix.copy_(left[:, :-1])
            bias.copy_(left[:, -1:])

    def both(self, trunk: Tensor) -> list[Tensor]:
        """Matrix and bias of every layer of a trunk, together: [E, in + 1, out] each."""
        parts = torch.split(trunk, self.network.tensor_sizes[: 2 * self.layers])
        return [torch.cat(self._views(parts, layer), dim=1) for layer in range(self.layers)]

    def _views(self, parts: tuple[Tensor, ...], layer: int) -> tuple[Tensor, Tensor]:
        fan_in, fan_out = self.network.layers[layer]
        return parts[2 * layer].view(-1, fan_in, fan_out), parts[2 * layer + 1].view(-1, 1, fan_out)


def with_constant(read: Tensor) -> Tensor:
    """What a layer reads, [N, in], with the constant input of its bias: [N, in + 1]."""
    return torch.cat([read, read.new_ones(*read.shape[:-1], 1)], dim=-1)
