"""A network per regime, under its context: simple, nothing is forgotten, and memory grows by one network per regime."""

from __future__ import annotations

import math
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

HORIZON = 50
"""Learning steps over which the weights of a regime are averaged."""


class NetworkMemory(Memory):
    """Keeps the weights of every regime under its context (:mod:`crl.memory.models.relative`).

    A new one starts with the nominal network, or its neighbour's where a context relative to that is clearly better. A
    regime is predicted by an average of its weights over the newest learning steps (Polyak and Juditsky 1992): a
    constant learning rate, which new regimes need, leaves each single iterate noisy.

    Args:
        bridge: Identifies contexts.
        units: Common units of residuals.
        most: See :class:`Memory`.
        lr: Learning rate (Adam).
        batch: Transitions per learning step.
    """

    kind = "networks"

    def __init__(self, bridge: Bridge, units: Units, most: int, *, lr: float = 2e-3, batch: int = 64) -> None:
        super().__init__(bridge.base.size, most)
        self.base = bridge.base
        self._relative = RelativeContexts(bridge, units)
        self._lr, self._batch = lr, batch
        self._own = {NOMINAL: self.base.weights}
        self._weights = {NOMINAL: self.base.weights}
        self._stacked: Tensor | None = None
        self._learning = NOMINAL
        self._taken = 0

    def predict(self, observation: Tensor, action: Tensor) -> Tensor:
        """See :class:`Memory`."""
        if self._stacked is None:
            self._stacked = torch.stack([self._weights[index] for index in self.regimes])
        with torch.no_grad():
            return self.base.predict(self._stacked, observation, action)

    def weights(self, regime: int) -> Tensor:
        """See :class:`Memory`."""
        return self._weights[regime]

    def _open(self, index: int, neighbour: int, steps: Steps) -> None:
        networks = [self._own[at] for at in dict.fromkeys((NOMINAL, neighbour))]
        self._set(index, networks[self._relative.begin(index, steps, networks)].clone())

    def _set(self, index: int, own: Tensor) -> None:
        """Let a regime have this network, [P], under its context."""
        self._own[index] = own
        self._weights[index] = self._relative.weights(index, own)
        self._stacked = None

    def learn(self, regime: int, steps: Steps, count: int, generator: torch.Generator) -> float | None:
        """See :class:`Memory`; the optimiser lasts as long as the regime goes on being learned."""
        if regime == NOMINAL or count < 1 or len(steps) == 0:
            return None
        if self._relative.again(regime, steps, self.base.weights, self._weights[regime]):
            self._set(regime, self.base.weights.clone())
            self._learning = NOMINAL
        if self._relative.misfit(self._weights[regime], steps) <= GOOD:
            return None
        if regime != self._learning:
            self._learning = regime
            self._moving = self._own[regime].clone().requires_grad_(True)
            self._optimiser = torch.optim.Adam([self._moving], lr=self._lr)
            self._taken = 0
        total, average = 0.0, self._own[regime].clone()
        inner = self._relative.inner(regime, steps)
        for _ in range(count):
            rows = inner.draw(self._batch, generator)
            loss = self.base.loss(self._moving, rows)
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()
            if math.isfinite(value := float(loss.detach())):
                self._optimiser.step()
            total += value
            self._taken += 1
            average.lerp_(self._moving.detach(), 1 / min(HORIZON, 1 + self._taken / 10))
        self._set(regime, average)
        return total / count

    def _own_bytes(self, regime: int) -> int:
        return self._own[regime].nbytes + self._relative.kept_bytes(regime)

    def _once_bytes(self) -> int:
        return self.base.weights.nbytes

    def rest(self) -> None:
        """See :class:`Memory`."""
        self._learning = NOMINAL
        self._relative.rest()

    def _drop(self, regime: int) -> None:
        del self._weights[regime], self._own[regime]
        self._relative.drop(regime)
        self._stacked = None
        if regime == self._learning:
            self.rest()

    def _state(self) -> dict[str, Any]:
        learning: dict[str, Any] = {"regime": self._learning}
        if self._learning != NOMINAL:
            moments = self._optimiser.state.get(self._moving, {})
            learning["moments"] = {key: value.clone() for key, value in moments.items()}
            learning |= {"moving": self._moving.detach().clone(), "taken": self._taken}
        own = {index: value.clone() for index, value in self._own.items()}
        return {"weights": own, "learning": learning, "relative": self._relative.state_dict()}

    def _load(self, state: Mapping[str, Any], regimes: list[int]) -> None:
        weights = restoring.tensors(state["weights"], "weights", self.base.weights)
        if sorted(weights) != sorted(regimes):
            raise restoring.UnfitStateError("weights are of other regimes than those of the memory")
        with restoring.part("relative"):
            # Memories of before contexts were folded in have none.
            self._relative.load_state_dict(state.get("relative", NO_CONTEXTS), regimes)
        for index in regimes:
            self._set(index, weights[index])
        with restoring.part("learning"):
            self._learning = int(state["learning"]["regime"])
            if self._learning != NOMINAL:
                moving = restoring.tensor(state["learning"]["moving"], "moving", self.base.weights)
                self._moving = moving.clone().requires_grad_(True)
                self._taken = int(state["learning"]["taken"])
                self._optimiser = torch.optim.Adam([self._moving], lr=self._lr)
                moments = {key: value.clone() for key, value in state["learning"]["moments"].items()}
                if moments:
                    self._optimiser.state[self._moving] = moments
