"""Regimes as networks under contexts: what is affine in a regime is in its context, and only the rest is learned.

A network knows nothing of commands at which it was never taught; a context does, since few numbers say what every
command amounts to. So a regime that is nearly affine is predicted well at all commands from its first transitions on,
and no learning wears this away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.memory.models.bridge import Bridge
from crl.memory.models.composing import Turned
from crl.memory.models.steps import Steps
from crl.memory.models.units import Units, mean_square

FEW = 4
"""A context is identified again after so many further transitions."""
CLEARLY = 0.5
"""Share of what a context relative to the nominal body leaves, below which one relative to a neighbour is better."""
GOOD = 1.0
"""Mean squared residual in common units up to which there is nothing to learn."""
NO_CONTEXTS: Mapping[str, Any] = {"contexts": {}, "fitted": 0}
"""The state before the first regime."""


class RelativeContexts:
    """The contexts of regimes, each relative to a network of the regime's own.

    Args:
        bridge: Identifies contexts.
        units: Common units of residuals.
    """

    def __init__(self, bridge: Bridge, units: Units) -> None:
        self._bridge, self._units = bridge, units
        self._contexts: dict[int, Tensor] = {}
        self._turned: dict[int, tuple[Turned, ...]] = {}
        self._fitted = 0

    def weights(self, regime: int, own: Tensor) -> Tensor:
        """Weights [P] of a regime's network ``own`` [P] under its context."""
        turned = self._turned.get(regime)
        return own if turned is None else self._bridge.composed(own, turned)

    def inner(self, regime: int, steps: Steps) -> Steps:
        """Transitions as the regime's own network sees them."""
        context = self._contexts.get(regime)
        return steps if context is None else self._bridge.as_effective(context, steps)

    def begin(self, regime: int, steps: Steps, networks: Sequence[Tensor]) -> int:
        """Identify the context of a new regime; returns which of the networks [P] it is relative to.

        Args:
            regime: Its number.
            steps: Transitions of it.
            networks: Where it may start; the nominal body's first, which others have to be clearly better than.
        """
        contexts = [self._bridge.identify(network, steps) for network in networks]
        left = [self._left(network, context, steps) for network, context in zip(networks, contexts, strict=True)]
        best = min(range(len(left)), key=lambda at: left[at])
        chosen = best if left[best] < CLEARLY * left[0] else 0
        self._set(regime, contexts[chosen])
        self._fitted = len(steps)
        return chosen

    def again(self, regime: int, steps: Steps, nominal: Tensor, present: Tensor) -> bool:
        """Identify a context again once there are a few transitions more; returns whether the regime is now that alone.

        This is done in the visit in which the regime was opened. What was learned beside the former context stays if
        it explains the transitions better.

        Args:
            regime: The regime.
            steps: Transitions of it.
            nominal: Weights of the nominal body, [P].
            present: How the regime is predicted now, [P].
        """
        if not self._fitted or len(steps) < self._fitted + FEW:
            return False
        self._fitted = len(steps)
        context = self._bridge.identify(nominal, steps)
        if self._left(nominal, context, steps) > max(GOOD, self.misfit(present, steps)):
            return False
        self._set(regime, context)
        return True

    def _set(self, regime: int, context: Tensor) -> None:
        self._contexts[regime] = context
        self._turned[regime] = self._bridge.turned(context)

    def _left(self, network: Tensor, context: Tensor, steps: Steps) -> float:
        return self.misfit(self._bridge.composed(network, self._bridge.turned(context)), steps)

    def misfit(self, weights: Tensor, steps: Steps) -> float:
        """Mean squared residual in common units that weights [P] leave of transitions."""
        base = self._bridge.base
        idle = self._bridge.box.middle.expand_as(steps.action)
        with torch.no_grad():
            rest = base.predict(base.weights.unsqueeze(0), steps.observation, idle)[0]
            predicted = base.predict(weights.unsqueeze(0), steps.observation, steps.action)[0]
        return float(mean_square(self._units.scaled(steps.change - predicted, steps.change - rest)))

    def kept_bytes(self, regime: int) -> int:
        """Bytes of a regime's context; 0 without one."""
        context = self._contexts.get(regime)
        return 0 if context is None else context.nbytes

    def rest(self) -> None:
        """The visit is over, and with it the first of a regime that was opened."""
        self._fitted = 0

    def drop(self, regime: int) -> None:
        """Forget a regime's context."""
        self._contexts.pop(regime, None)
        self._turned.pop(regime, None)

    def lesson(self, regime: int) -> dict[str, Any]:
        """What learning reads and changes of a regime's context, as plain data."""
        context = self._contexts.get(regime)
        return {"context": None if context is None else context.clone(), "fitted": self._fitted}

    def take_lesson(self, regime: int, state: Mapping[str, Any]) -> None:
        """Make a regime's context what :meth:`lesson` returned.

        Raises:
            UnfitStateError: It is of another structure of contexts.
        """
        if state["context"] is None:
            self.drop(regime)
        else:
            self._set(regime, restoring.tensor(state["context"], "context", self._bridge.nominal))
        self._fitted = int(state["fitted"])

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {"contexts": {index: value.clone() for index, value in self._contexts.items()}, "fitted": self._fitted}

    def load_state_dict(self, state: Mapping[str, Any], regimes: Sequence[int]) -> None:
        """Restore what :meth:`state_dict` returned, for regimes of these numbers beside the nominal one.

        Raises:
            UnfitStateError: It is of other regimes, or of another structure of contexts.
        """
        contexts = restoring.tensors(state["contexts"], "contexts", self._bridge.nominal)
        if not set(contexts) <= set(regimes):
            raise restoring.UnfitStateError("contexts are of other regimes than those of the memory")
        self._contexts, self._turned = {}, {}
        for index in regimes:
            if index in contexts:
                self._set(index, contexts[index])
        self._fitted = int(state["fitted"])
