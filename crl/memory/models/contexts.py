"""The nominal model under remembered contexts: as good as a memory can be where contexts express the regimes.

A context of the newest transitions follows what no context expresses, and forgets what they leave open: a straight way
says nothing of how a body turns. One of all transitions does the opposite. Which is better depends on the body.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.adaptation.identification.gathered import Gathered
from crl.memory.models.bridge import MOST, Bridge
from crl.memory.models.memory import NOMINAL, Memory
from crl.memory.models.regime import Regime, Standing
from crl.memory.models.steps import Steps
from crl.memory.models.units import Units, mean_square

FEW = 3
"""A context is identified again after so many further transitions."""
ALIKE = 0.25
"""Two regimes are one if one context for both changes what either predicts by no more than this: mean square in common
units, at the inputs at which it was seen."""


class ContextMemory(Memory):
    """Keeps a context per regime, relative to the nominal body, identified from a visit's newest transitions.

    Args:
        bridge: Identifies contexts and predicts under them.
        most: See :class:`Memory`.
    """

    kind = "contexts"
    elsewhere = True

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
        self._contexts[regime] = self._identified(regime, steps)
        error = self._bridge.predict(weights, self._contexts[regime].unsqueeze(0), steps.observation, steps.action)[0]
        return float(((error - steps.change) / self._bridge.base.scale).square().mean())

    def _identified(self, regime: int, steps: Steps) -> Tensor:
        """The context [C] of a regime, given the transitions of the visit so far."""
        return self._bridge.identify(self._bridge.base.weights, steps, self._contexts[regime])

    def lesson(self, regime: int) -> dict[str, Any]:
        """See :class:`Memory`."""
        return {"context": self._contexts[regime].clone(), "fitted": self._fitted}

    def take_lesson(self, regime: int, state: Mapping[str, Any]) -> None:
        """See :class:`Memory`."""
        self._contexts[regime] = restoring.tensor(state["context"], "context", self._bridge.nominal)
        self._fitted = int(state["fitted"])

    def _own_bytes(self, regime: int) -> int:
        return self._contexts[regime].nbytes

    def _once_bytes(self) -> int:
        return self._bridge.base.weights.nbytes

    def rest(self) -> None:
        """See :class:`Memory`."""
        super().rest()
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


class GatheringContexts(ContextMemory):
    """Identifies a regime's context from all its transitions, visit by visit, and tells which regimes share one.

    Args:
        bridge: Identifies contexts and predicts under them.
        units: Common units of residuals.
        most: See :class:`Memory`.
    """

    pools = True

    def __init__(self, bridge: Bridge, units: Units, most: int) -> None:
        super().__init__(bridge, most)
        self._units = units
        self._gathered = Gathered(bridge.contexts, MOST)

    def _open(self, index: int, neighbour: int, steps: Steps) -> None:
        super()._open(index, neighbour, steps)
        self._gathered.rest()

    def _identified(self, regime: int, steps: Steps) -> Tensor:
        return self._gathered.identify(regime, steps.parts, self._contexts[regime])

    def alike(self, regime: int) -> int | None:
        """See :class:`Memory`: the regime with which it can share one context, given all that is known of both."""
        found = {
            entry.index: self._bent(regime, entry.index)
            for entry in self.regimes.values()
            if entry.index != regime and entry.standing is Standing.KEPT
        }
        nearest = min(found, key=lambda index: found[index], default=None)
        return nearest if nearest is not None and found[nearest] <= ALIKE else None

    def _bent(self, one: int, other: int) -> float:
        """How far one context for two regimes changes what either predicts where it was seen."""
        shared = self._shared(one, other)
        return max(self._moved(index, shared) for index in (one, other) if index != NOMINAL)

    def _shared(self, one: int, other: int) -> Tensor:
        """The context [C] of two regimes that are one."""
        if NOMINAL in (one, other):
            return self._bridge.nominal
        return self._gathered.shared(one, other)

    def _moved(self, regime: int, context: Tensor) -> float:
        inputs = self.regimes[regime].inputs
        if inputs is None or not bool(torch.isfinite(context).all()):
            return math.inf
        observation, action = inputs
        weights, both = self._bridge.base.weights, torch.stack([self._contexts[regime], context])
        own, moved = self._bridge.predict(weights, both, observation, action)
        idle = self._bridge.box.middle.expand_as(action)
        effect = own - self._bridge.predict(weights, self._bridge.nominal.unsqueeze(0), observation, idle)[0]
        return float(mean_square(self._units.scaled(moved - own, effect)))

    def _pool(self, kept: int, gone: int) -> None:
        """See :class:`Memory`: the context is that of both, but for the nominal regime's, which stays."""
        if kept == NOMINAL:
            return
        shared = self._shared(kept, gone)
        self._gathered.pool(kept, gone, self._fitted)
        if bool(torch.isfinite(shared).all()):
            self._contexts[kept] = shared

    def lesson(self, regime: int) -> dict[str, Any]:
        """See :class:`Memory`."""
        return {**super().lesson(regime), "gathered": self._gathered.lesson(regime)}

    def take_lesson(self, regime: int, state: Mapping[str, Any]) -> None:
        """See :class:`Memory`."""
        super().take_lesson(regime, state)
        self._gathered.take_lesson(regime, state["gathered"])

    def _own_bytes(self, regime: int) -> int:
        return super()._own_bytes(regime) + self._gathered.kept_bytes(regime)

    def rest(self) -> None:
        """See :class:`Memory`."""
        super().rest()
        self._gathered.rest()

    def _drop(self, regime: int) -> None:
        super()._drop(regime)
        self._gathered.drop(regime)

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "gathered": self._gathered.state_dict()}

    def _load(self, state: Mapping[str, Any], regimes: Mapping[int, Regime]) -> None:
        super()._load(state, regimes)
        self._gathered.load_state_dict(state.get("gathered"), list(regimes))
