"""The base of what keeps a network able to learn: hidden units that are of no use get new weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from crl.continual.generators.shared import SharedNetwork
from crl.continual.part import Kind, Part


class Plasticity(Part[SharedNetwork]):
    """Can renew hidden units of one network that serves all tasks."""

    KIND: ClassVar[Kind] = Kind.PLASTICITY

    def see(self, layers: Sequence[Tensor]) -> None:
        """Remember how active the units are: their mean absolute outputs [E, units], by hidden layer."""
        self._seen = [read.detach().abs().mean(dim=1) for read in layers[1:-1]]

    def units(self) -> dict[str, Tensor]:
        """Zeros [E, units], by hidden layer."""
        network = self.host.network
        return {
            str(layer): torch.zeros(network.ensemble, size, device=self.host.device)
            for layer, (_, size) in enumerate(network.layers[:-1])
        }

    def before_step(self) -> None:
        """Note whether the step moves anything: one that does not counts for nothing."""
        gradient = self.host.trunk.grad
        self.moves = not self.host.still and gradient is not None and bool(torch.isfinite(gradient).all())

    def renew(self, layer: int, units: Tensor) -> None:
        """Give hidden units fresh incoming weights, take their outgoing ones away, and forget their moments.

        Args:
            layer: The layer whose outputs they are.
            units: Mask [E, units of the layer].
        """
        host, network = self.host, self.host.network
        incoming = torch.zeros(network.size, dtype=torch.bool, device=host.device)
        outgoing = torch.zeros_like(incoming)
        matrix, bias = network.unpack(incoming)[layer]
        matrix |= units.unsqueeze(1)
        bias |= units.unsqueeze(1)
        network.unpack(outgoing)[layer + 1][0].logical_or_(units.unsqueeze(-1))
        fresh = network.initial(self.generator).to(host.device)
        size = len(host.trunk)
        with torch.no_grad():
            host.trunk.copy_(torch.where(incoming, fresh, 0.0)[:size] + host.trunk * ~(incoming | outgoing)[:size])
            # Any head may read the unit: what it would read now is noise.
            for head in host.heads.values():
                head.masked_fill_(outgoing[size:], 0.0)
        host.optimiser.forget("trunk", (incoming | outgoing)[:size])
        if (name := f"head {host.task}") in host.optimiser.parameters:
            host.optimiser.forget(name, outgoing[size:])
