"""A network per regime: simple, nothing is forgotten, and memory grows by one network per regime."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.memory.models.base_model import BaseModel
from crl.memory.models.memory import NOMINAL, Memory
from crl.memory.models.steps import Steps

HORIZON = 50
"""Learning steps over which the weights of a regime are averaged."""


class NetworkMemory(Memory):
    """Keeps the weights of every regime; a new one starts with its neighbour's.

    A regime is predicted by an average of its weights over the newest learning steps (Polyak and Juditsky 1992): a
    constant learning rate, which new regimes need, leaves each single iterate noisy.

    Args:
        base: The nominal body's model.
        most: See :class:`Memory`.
        lr: Learning rate (Adam).
        batch: Transitions per learning step.
    """

    kind = "networks"

    def __init__(self, base: BaseModel, most: int, *, lr: float = 2e-3, batch: int = 64) -> None:
        super().__init__(base.size, most)
        self.base = base
        self._lr, self._batch = lr, batch
        self._weights = {NOMINAL: base.weights}
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
        del steps
        self._weights[index] = self._weights[neighbour].clone()
        self._stacked = None

    def learn(self, regime: int, steps: Steps, count: int, generator: torch.Generator) -> float | None:
        """See :class:`Memory`; the optimiser lasts as long as the regime goes on being learned."""
        if regime == NOMINAL or count < 1 or len(steps) == 0:
            return None
        if regime != self._learning:
            self._learning = regime
            self._moving = self._weights[regime].clone().requires_grad_(True)
            self._optimiser = torch.optim.Adam([self._moving], lr=self._lr)
            self._taken = 0
        total, average = 0.0, self._weights[regime].clone()
        for _ in range(count):
            rows = steps.draw(self._batch, generator)
            loss = self.base.loss(self._moving, rows)
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()
            if math.isfinite(value := float(loss.detach())):
                self._optimiser.step()
            total += value
            self._taken += 1
            average.lerp_(self._moving.detach(), 1 / min(HORIZON, 1 + self._taken / 10))
        self._weights[regime] = average
        self._stacked = None
        return total / count

    def rest(self) -> None:
        """See :class:`Memory`."""
        self._learning = NOMINAL

    def _drop(self, regime: int) -> None:
        del self._weights[regime]
        self._stacked = None
        if regime == self._learning:
            self.rest()

    def _state(self) -> dict[str, Any]:
        learning: dict[str, Any] = {"regime": self._learning}
        if self._learning != NOMINAL:
            moments = self._optimiser.state.get(self._moving, {})
            learning["moments"] = {key: value.clone() for key, value in moments.items()}
            learning |= {"moving": self._moving.detach().clone(), "taken": self._taken}
        return {"weights": {index: value.clone() for index, value in self._weights.items()}, "learning": learning}

    def _load(self, state: Mapping[str, Any], regimes: list[int]) -> None:
        weights = restoring.tensors(state["weights"], "weights", self.base.weights)
        if sorted(weights) != sorted(regimes):
            raise restoring.UnfitStateError("weights are of other regimes than those of the memory")
        self._weights = {index: weights[index] for index in regimes}
        self._stacked = None
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
