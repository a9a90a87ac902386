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
from crl.memory.models.memory import NOMINAL, Memory
from crl.memory.models.relative import GOOD, NO_CONTEXTS, RelativeContexts
from crl.memory.models.steps import Steps
from crl.memory.models.units import Units


class HeadMemory(Memory):
    """Keeps the last layer of every regime's network, under its context (:mod:`crl.memory.models.relative`).

    Args:
        bridge: Identifies contexts.
        units: Common units of residuals.
        most: See :class:`Memory`.
        spread: Deviation of the prior of every weight, in units of normalised changes.
    """

    kind = "heads"

    def __init__(self, bridge: Bridge, units: Units, most: int, *, spread: float) -> None:
        super().__init__(bridge.base.size, most)
        self.base = base = bridge.base
        self._relative = RelativeContexts(bridge, units)
        self._ridge = (units.unit / base.scale / spread).square().double()
        self._trunk, nominal = base.weights.split([base.network.size - base.network.head_size, base.network.head_size])
        self._heads = {NOMINAL: nominal}
        self._weights = {NOMINAL: base.weights}
        self._stacked: Tensor | None = None
        self._learning = NOMINAL
        self._prior = nominal

    def predict(self, observation: Tensor, action: Tensor) -> Tensor:
        """See :class:`Memory`."""
        if self._stacked is None:
            self._stacked = torch.stack([self._weights[index] for index in self.regimes])
        with torch.no_grad():
            return self.base.predict(self._stacked, observation, action)

    def weights(self, regime: int) -> Tensor:
        """See :class:`Memory`."""
        return self._weights[regime]

    def _own(self, regime: int) -> Tensor:
        """Weights [P] of a regime's network without its context."""
        return torch.cat([self._trunk, self._heads[regime]])

    def _open(self, index: int, neighbour: int, steps: Steps) -> None:
        starts = list(dict.fromkeys((NOMINAL, neighbour)))
        chosen = self._relative.begin(index, steps, [self._own(at) for at in starts])
        self._set(index, self._heads[starts[chosen]].clone())

    def _set(self, index: int, head: Tensor) -> None:
        """Let a regime have this last layer under its context."""
        self._heads[index] = head
        self._weights[index] = self._relative.weights(index, self._own(index))
        self._stacked = None

    def learn(self, regime: int, steps: Steps, count: int, generator: torch.Generator) -> float | None:
        """See :class:`Memory`: the last layer is solved for, whatever the number of steps."""
        del generator
        if regime == NOMINAL or count < 1 or len(steps) == 0:
            return None
        if self._relative.again(regime, steps, self.base.weights, self._weights[regime]):
            self._set(regime, self._heads[NOMINAL].clone())
            self._learning = NOMINAL
        if self._relative.misfit(self._weights[regime], steps) <= GOOD:
            return None
        if regime != self._learning:
            self._learning, self._prior = regime, self._heads[regime]
        inner = self._relative.inner(regime, steps)
        with torch.no_grad():
            self._set(regime, self._solved(inner))
            return float(self.base.loss(self._own(regime), inner))

    def _solved(self, steps: Steps) -> Tensor:
        """The most probable last layer, given transitions as the regime's own network sees them."""
        network = self.base.network
        read = self.base.read(steps.observation, steps.action).unsqueeze(0)
        features = network.layer_inputs(self.base.weights, read)[-2][0].double()
        features = torch.cat([features, torch.ones(len(features), 1, dtype=torch.float64)], dim=1)
        prior = self._prior.view(features.shape[1], -1).double()  # the matrix, and the bias below it
        left = (steps.change / self.base.scale).double() - features @ prior
        eye = torch.eye(features.shape[1], dtype=torch.float64)
        gram = features.T @ features + self._ridge.view(-1, 1, 1) * eye
        found = torch.linalg.solve(gram, (features.T @ left).T.unsqueeze(-1))[..., 0].T
        head: Tensor = (prior + found).float()
        return head.flatten() if bool(torch.isfinite(head).all()) else self._prior.clone()

    def _own_bytes(self, regime: int) -> int:
        head: int = self._heads[regime].nbytes
        return head + self._relative.kept_bytes(regime)

    def _once_bytes(self) -> int:
        return self.base.weights.nbytes

    def rest(self) -> None:
        """See :class:`Memory`."""
        self._learning = NOMINAL
        self._relative.rest()

    def _drop(self, regime: int) -> None:
        del self._weights[regime], self._heads[regime]
        self._relative.drop(regime)
        self._stacked = None
        if regime == self._learning:
            self.rest()

    def _state(self) -> dict[str, Any]:
        heads = {index: value.clone() for index, value in self._heads.items()}
        learning = {"regime": self._learning, "prior": self._prior.clone()}
        return {"heads": heads, "learning": learning, "relative": self._relative.state_dict()}

    def _load(self, state: Mapping[str, Any], regimes: list[int]) -> None:
        heads = restoring.tensors(state["heads"], "heads", self._heads[NOMINAL])
        if sorted(heads) != sorted(regimes):
            raise restoring.UnfitStateError("last layers are of other regimes than those of the memory")
        with restoring.part("relative"):
            self._relative.load_state_dict(state.get("relative", NO_CONTEXTS), regimes)
        for index in regimes:
            self._set(index, heads[index])
        with restoring.part("learning"):
            self._learning = int(state["learning"]["regime"])
            self._prior = restoring.tensor(state["learning"]["prior"], "prior", self._heads[NOMINAL])
