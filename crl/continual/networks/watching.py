"""A target network that shows what its layers read to the parts that need it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from crl.dynamics.network import TargetNetwork


class WatchedNetwork(TargetNetwork):
    """The same function as another target network.

    Args:
        network: The network whose shape it has.
        watchers: Are called with what every layer reads, and the output, while :attr:`shows` is set.

    Attributes:
        shows: Whether it shows anything at present: in a learning step it does, in planning it does not.
    """

    def __init__(self, network: TargetNetwork, watchers: Sequence[Callable[[Sequence[Tensor]], None]]) -> None:
        hidden = [out for _, out in network.layers[:-1]]
        super().__init__(
            network.layers[0][0],
            hidden,
            network.layers[-1][1],
            activation=network.activation,
            ensemble=network.ensemble,
        )
        self.shows = False
        self._watchers = list(watchers)

    def layer_inputs(self, weights: Tensor, inputs: Tensor) -> list[Tensor]:
        """See :meth:`crl.dynamics.network.TargetNetwork.layer_inputs`."""
        seen = super().layer_inputs(weights, inputs)
        if self.shows:
            for watcher in self._watchers:
                watcher(seen)
        return seen
