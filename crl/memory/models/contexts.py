"""The nominal model under remembered contexts: as good as a memory can be where contexts express the regimes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.memory.models.bridge import Bridge
from crl.memory.models.memory import NOMINAL, Memory
from crl.memory.models.regime import Regime
from crl.memory.models.steps import Steps

FEW = 3
"""A context is identified again after so many further transitions."""


class ContextMemory(Memory):
    """Keeps a context per regime, relative to the nominal body.

    Args:
        bridge: Identifies contexts and predicts under them.
        most: See :class:`Memory`.
    """

    kind = "contexts"

    def __init__(self, bridge: Bridge, most: int) -> None:
        super().__init__(bridge.base.size, most)
        self._bridge = bridge
        self._contexts = {NOMINAL: bridge.nominal}
        self._fitted = 0

    def predict(self, observation: Tensor, action: Tensor) -> Tensor:
        """See :class:`Memory`."""
        contexts = torch.stack([self._contexts[index] for index in self.regimes])
        return self._bridge.predict(self._bridge.base.weights, contexts, observation, action)

    def weights(self, regime: int) -> Tensor:
        """See :class:`Memory`: always the nominal body's."""
        del regime
        return self._bridge.base.weights

    def context(self, regime: int) -> Tensor | None:
        """See :class:`Memory`."""
        return None if regime == NOMINAL else self._contexts[regime]

    def _open(self, index: int, neighbour: int, steps: Steps) -> None:
        self._contexts[index] = self._bridge.identify(self._bridge.base.weights, steps, self._contexts[neighbour])
        self._fitted = len(steps)

    def learn(self, regime: int, steps: Steps, count: int, generator: torch.Generator) -> float | None:
        """See :class:`Memory`: the context is identified again, once there are a few transitions more."""
        del generator
        if regime == NOMINAL or count < 1 or len(steps) < self._fitted + FEW:
            return None
        self._fitted = len(steps)
        weights = self._bridge.base.weights
        self._contexts[regime] = self._bridge.identify(weights, steps, self._contexts[regime])
        error = self._bridge.predict(weights, self._contexts[regime].unsqueeze(0), steps.observation, steps.action)[0]
        return float(((error - steps.change) / self._bridge.base.scale).square().mean())

    def _own_bytes(self, regime: int) -> int:
        return self._contexts[regime].nbytes

    def _once_bytes(self) -> int:
        return self._bridge.base.weights.nbytes

    def rest(self) -> None:
        """See :class:`Memory`."""
        self._fitted = 0

    def _drop(self, regime: int) -> None:
        del self._contexts[regime]

    def _state(self) -> dict[str, Any]:
        return {"contexts": {index: value.clone() for index, value in self._contexts.items()}, "fitted": self._fitted}

    def _load(self, state: Mapping[str, Any], regimes: Mapping[int, Regime]) -> None:
        contexts = restoring.tensors(state["contexts"], "contexts", self._bridge.nominal)
        if sorted(contexts) != sorted(regimes):
            raise restoring.UnfitStateError("contexts are of other regimes than those of the memory")
        self._contexts = {index: contexts[index] for index in regimes}
        self._fitted = int(state["fitted"])
