"""MIGU: Du et al., EMNLP 2024 (arXiv 2406.17245), section 3: only weights whose outputs are large are updated.

The outputs of a layer are averaged in size over the batch and divided by their sum; the weights that lead to the
migu_share largest of them learn in this step, and the others keep still. Tasks that drive other units therefore
touch other weights, without labels or memory. Deviations: sizes are taken after the activation, which is what the next
layer reads; the step itself is masked too, because Adam's moments would move the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.continual.generators.shared import SharedNetwork
from crl.continual.gradients.gradient import Gradient
from crl.continual.part import Boundary, Host


class MIGU(Gradient[SharedNetwork]):
    """Weights into the units that answer most are updated."""

    HOSTS = (Host.NETWORK,)
    OPTIONS: ClassVar[dict[str, Any]] = {"migu_share": 0.5}
    BOUNDARY = Boundary.NOTHING
    CORRECTS = True
    WATCHES = True

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.share = self.number("migu_share", most=1)
        self._open = torch.ones_like(host.trunk, dtype=torch.bool)

    def see(self, layers: Sequence[Tensor]) -> None:
        """Find the units with the largest outputs."""
        network = self.host.network
        mask = torch.zeros(network.size, dtype=torch.bool, device=self.host.device)
        for (matrix, bias), outputs in zip(network.unpack(mask), layers[1:], strict=True):
            chosen = largest(outputs.detach().abs().mean(dim=1), self.share).unsqueeze(1)
            matrix |= chosen
            bias |= chosen
        self._open = mask[: len(self.host.trunk)]

    def transform(self, gradients: Mapping[str, Tensor]) -> None:
        """Take the gradients of the others away."""
        if "trunk" in gradients:
            gradients["trunk"].masked_fill_(~self._open, 0.0)

    def correct(self, changes: Mapping[str, Tensor]) -> None:
        """Take the changes of the others away."""
        changes["trunk"].masked_fill_(~self._open, 0.0)


def largest(sizes: Tensor, share: float) -> Tensor:
    """Mask of the largest share of the numbers [E, units] of every row, at least one of each."""
    count = max(1, round(share * sizes.shape[1]))
    return torch.zeros_like(sizes, dtype=torch.bool).scatter_(1, sizes.topk(count, dim=1).indices, True)
