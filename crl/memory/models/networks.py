"""A network per regime, under its context: simple, nothing is forgotten, and memory grows by one network per regime."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.memory.models.bridge import Bridge
from crl.memory.models.memory import NOMINAL
from crl.memory.models.regime import Regime
from crl.memory.models.steps import Steps
from crl.memory.models.under_contexts import UnderContexts
from crl.memory.models.units import Units

HORIZON = 50
"""Learning steps over which the weights of a regime are averaged."""


class NetworkMemory(UnderContexts):
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
    elsewhere = True

    def __init__(self, bridge: Bridge, units: Units, most: int, *, lr: float = 2e-3, batch: int = 64) -> None:
        super().__init__(bridge, units, most, bridge.base.weights)
        self._lr, self._batch = lr, batch
        self._taken = 0

    def _network(self, kept: Tensor) -> Tensor:
        return kept

    def learn(self, regime: int, steps: Steps, count: int, generator: torch.Generator) -> float | None:
        """See :class:`Memory`; the optimiser lasts as long as the regime goes on being learned."""
        if not self._to_learn(regime, steps, count):
            return None
        if regime != self._learning:
            self._learning = regime
            self._moving = self._kept[regime].clone().requires_grad_(True)
            self._optimiser = torch.optim.Adam([self._moving], lr=self._lr)
            self._taken = 0
        total, average = 0.0, self._kept[regime].clone()
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

    def _learning_state(self) -> dict[str, Any]:
        learning: dict[str, Any] = {"regime": self._learning}
        if self._learning != NOMINAL:
            moments = self._optimiser.state.get(self._moving, {})
            learning["moments"] = {key: value.clone() for key, value in moments.items()}
            learning |= {"moving": self._moving.detach().clone(), "taken": self._taken}
        return learning

    def _load_learning(self, state: Mapping[str, Any]) -> None:
        self._learning = int(state["regime"])
        if self._learning == NOMINAL:
            return
        moving = restoring.tensor(state["moving"], "moving", self.base.weights)
        self._moving = moving.clone().requires_grad_(True)
        self._taken = int(state["taken"])
        self._optimiser = torch.optim.Adam([self._moving], lr=self._lr)
        moments = {key: value.clone() for key, value in state["moments"].items()}
        if moments:
            self._optimiser.state[self._moving] = moments

    def _state(self) -> dict[str, Any]:
        return {**self._shared_state("weights"), "learning": self._learning_state()}

    def _load(self, state: Mapping[str, Any], regimes: Mapping[int, Regime]) -> None:
        self._load_shared(state, list(regimes), "weights", "weights")
        with restoring.part("learning"):
            self._load_learning(state["learning"])
