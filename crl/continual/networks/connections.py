"""Where the connections of a network's trunk are, and how many of them a sparse one has."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crl.dynamics.network import TargetNetwork


def matrices(network: TargetNetwork, trunk: Tensor) -> list[Tensor]:
    """The places of every matrix in a trunk, which begins a network's weights [P]; the rest are biases."""
    places = torch.split(torch.arange(network.size, device=trunk.device), network.tensor_sizes)
    return [place for place in places[::2] if int(place[0]) < len(trunk)]


def drawn(among: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """So many of some places, at random; all, if they are fewer."""
    return among[torch.randperm(len(among), generator=generator)[:count].to(among.device)]


def erdos_renyi(layers: Sequence[tuple[int, int]], density: float) -> list[float]:
    """The share of every layer's connections that is kept, in proportion to (in + out) / (in * out).

    Args:
        layers: (inputs, outputs) of each.
        density: The share of all connections together. Layers so narrow that they would have to keep more than all
            keep all, and the others share what is left.
    """
    sizes, full = [inputs * outputs for inputs, outputs in layers], set[int]()
    while True:
        left = density * sum(sizes) - sum(sizes[at] for at in full)
        total = sum(sum(layer) for at, layer in enumerate(layers) if at not in full)
        shares = [1.0 if at in full else left / total * sum(layer) / sizes[at] for at, layer in enumerate(layers)]
        over = {at for at, share in enumerate(shares) if share > 1}
        if not over:
            return [max(0.0, share) for share in shares]
        full |= over
