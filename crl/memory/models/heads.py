"""A last layer per regime, under its context: solved for at once, from few transitions, and small.

What the nominal network's hidden layers compute is kept, as features of every regime; a regime's own are the weights
of the last layer. They have a Gaussian prior around those of the regime at which it started, and residuals have the
common unit as their deviation. So the best weights are the solution of linear equations (ridge regression), and no
learning rate has to fit: a regime whose changes are nearly those of the nominal body, differently mixed and scaled, is
known after a few transitions. What the features do not span is never learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.memory.models.bridge import Bridge
from crl.memory.models.memory import NOMINAL
from crl.memory.models.steps import Steps
from crl.memory.models.under_contexts import UnderContexts
from crl.memory.models.units import Units


class HeadMemory(UnderContexts):
    """Keeps the last layer of every regime's network, under its context (:mod:`crl.memory.models.relative`).

    Args:
        bridge: Identifies contexts.
        units: Common units of residuals.
        most: See :class:`Memory`.
        spread: Deviation of the prior of every weight, in units of normalised changes.
    """

    kind = "heads"
    widest = 1.7

    def __init__(self, bridge: Bridge, units: Units, most: int, *, spread: float) -> None:
        base = bridge.base
        self._trunk, nominal = base.weights.split([base.network.size - base.network.head_size, base.network.head_size])
        super().__init__(bridge, units, most, nominal)
        self._spread = spread
        self._ridge = (units.unit / base.scale / spread).square().double()
        self._prior = nominal

    def _network(self, kept: Tensor) -> Tensor:
        return torch.cat([self._trunk, kept])

    def learn(self, regime: int, steps: Steps, count: int, generator: torch.Generator) -> float | None:
        """See :class:`Memory`: the last layer is solved for, whatever the number of steps."""
        del generator
        if not self._to_learn(regime, steps, count):
            return None
        if regime != self._learning:
            self._learning, self._prior = regime, self._kept[regime]
        inner = self._relative.inner(regime, steps)
        with torch.no_grad():
            self._set(regime, self._solved(inner))
            return float(self.base.loss(self._network(self._kept[regime]), inner))

    def doubt(self, regime: int, observation: Tensor, action: Tensor) -> Tensor | None:
        """See :class:`Memory`: the posterior deviation of what a last layer says, given where it was seen.

        It is that of Bayesian linear regression with the prior of :meth:`learn`. The few inputs that are kept of a
        regime stand for all that it was learned from.
        """
        entry = self.regimes[regime]
        if entry.seen is None:
            return None
        count = len(action)
        both = Steps(
            torch.cat([observation, entry.seen[0]]), torch.cat([action, entry.seen[1]]), action.new_zeros(0, self.size)
        )
        with torch.no_grad():
            features = self._features(self._relative.inner(regime, both))
            gram = features @ features.T
            across, own = gram[:count, count:], gram[count:, count:]
            noise = self._ridge.view(-1, 1, 1) * torch.eye(len(own), dtype=torch.float64)
            told = torch.linalg.solve(own + noise, across.T.expand(self.size, -1, -1))
            left = gram.diagonal()[:count].unsqueeze(-1) - (across.T * told).sum(dim=1).T
        deviation: Tensor = self._spread * left.clamp_min(0.0).sqrt() * self.base.scale
        return deviation.float()

    def _features(self, steps: Steps) -> Tensor:
        """What the last layer reads [N, F + 1], with a one for the bias."""
        network = self.base.network
        read = self.base.read(steps.observation, steps.action).unsqueeze(0)
        features = network.layer_inputs(self.base.weights, read)[-2][0].double()
        return torch.cat([features, torch.ones(len(features), 1, dtype=torch.float64)], dim=1)

    def _solved(self, steps: Steps) -> Tensor:
        """The most probable last layer, given transitions as the regime's own network sees them."""
        features = self._features(steps)
        prior = self._prior.view(features.shape[1], -1).double()  # the matrix, and the bias below it
        left = (steps.change / self.base.scale).double() - features @ prior
        eye = torch.eye(features.shape[1], dtype=torch.float64)
        gram = features.T @ features + self._ridge.view(-1, 1, 1) * eye
        found = torch.linalg.solve(gram, (features.T @ left).T.unsqueeze(-1))[..., 0].T
        head: Tensor = (prior + found).float()
        return head.flatten() if bool(torch.isfinite(head).all()) else self._prior.clone()

    def _state(self) -> dict[str, Any]:
        learning = {"regime": self._learning, "prior": self._prior.clone()}
        return {**self._shared_state("heads"), "learning": learning}

    def _load(self, state: Mapping[str, Any], regimes: list[int]) -> None:
        self._load_shared(state, regimes, "heads", "last layers")
        with restoring.part("learning"):
            self._learning = int(state["learning"]["regime"])
            self._prior = restoring.tensor(state["learning"]["prior"], "prior", self._kept[NOMINAL])
