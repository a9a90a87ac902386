"""HyperInterval: Krukowski et al. 2024 (arXiv 2405.15444): intervals of embeddings.

A task has all embeddings within interval_radius of e_t, number by number. Interval arithmetic takes them through the
hypernetwork, and then, with the intervals of weights that come out, through the target network: whatever embedding of
the interval is used, its weights and predictions lie within (:mod:`crl.continual.generators.hyper.intervals`). The
loss of the task gets interval_strength * E r^2, r being the half widths of the predictions' intervals; the worst
squared error within is at most 2 (L + E r^2), since (|y - c| + r)^2 <= 2 (y - c)^2 + 2 r^2. What is generated for
other tasks is held with its half widths: R = beta / n sum_j (||w_j - w*_j||^2 + ||r_j - r*_j||^2), which holds both
ends of the intervals.
Deviations: that bound in place of the worst case itself, because the strategy is not shown targets; r is fixed, and not
shrunk as tasks come; there is no universal embedding, since bodies contradict each other on the same inputs, and no
single network serves two of them as one serves the classes of all tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.config import Config
from crl.config.declared.components import GENERATORS
from crl.continual import options
from crl.continual.generators.hyper.intervals import Interval, generated, predicted
from crl.continual.generators.hypercrl import HyperCRL
from crl.continual.networks.watching import WatchedNetwork
from crl.continual.strategy import Loss
from crl.dynamics.hypernetwork import FullHypernetwork
from crl.dynamics.network import TargetNetwork
from crl.errors import SettingsError


class HyperInterval(HyperCRL):
    """HyperCRL that makes intervals of weights; tasks are judged and planned with their centres."""

    SETTINGS = GENERATORS["hyperinterval"]
    OPTIONS: ClassVar[dict[str, Any]] = {"interval_radius": 0.01, "interval_strength": 0.1}

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(config, network, generator, device)
        self.radius = options.number(config, self.OPTIONS, "interval_radius", above=True)
        self.strength = options.number(config, self.OPTIONS, "interval_strength")
        if not isinstance(self.hypernetwork, FullHypernetwork):
            raise SettingsError(
                f"hyperinterval takes intervals through a full hypernetwork, and this one is "
                f"{config.dynamics.hypernetwork.kind}",
                "set dynamics.hypernetwork.kind=full",
            )
        self.full: FullHypernetwork = self.hypernetwork
        self._seen: list[Tensor] = []
        self._watched = WatchedNetwork(network, [self._see])

    def _see(self, layers: Sequence[Tensor]) -> None:
        """Remember what the network read."""
        self._seen.append(layers[0].detach())

    def weights_within(self, parameters: Mapping[str, Tensor], embeddings: Tensor) -> Interval:
        """Centres and half widths [T, P] of the weights of embeddings [T, N] and all around them."""
        return generated(self.full, parameters, (embeddings, torch.full_like(embeddings, self.radius)))

    def step(self, loss: Loss) -> dict[str, Tensor]:
        """One gradient step on the loss and the width of what is predicted."""

        def with_width(weights: Tensor) -> Tensor:
            self._seen.clear()
            value = loss(weights)
            if not self._seen or self.strength == 0:
                return value
            own = self.embeddings[self.task].unsqueeze(0)
            centre, radius = self.weights_within(self.parameters, own)
            _, width = predicted(self.network, (centre[0], radius[0]), self._seen[-1])
            return value + self.strength * width.square().mean()

        return super().step(with_width)

    def retention(self, weights: Tensor) -> Tensor:
        """R, which holds the half widths as well."""
        embeddings = torch.stack([self.embeddings[task].detach() for task in self.protected])
        _, now = self.weights_within(self.parameters, embeddings)
        with torch.no_grad():
            _, then = self.weights_within(self._anchor, embeddings)
        held = self.config.continual.beta / len(weights) * self.importance(now - then)
        return super().retention(weights) + held
