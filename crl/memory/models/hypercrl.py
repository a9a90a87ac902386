"""One hypernetwork that generates the weights of every regime from its embedding.

It is that of :mod:`crl.continual.generators.hypercrl`. The nominal regime's embedding is zero: with a zero trunk bias
its weights are then the head's bias, which starts as the nominal body's own weights. A new embedding starts beside
its neighbour's. While a regime is learned, the others are protected by HyperCRL's regulariser; its weight has to be
larger here than in long tasks, because every short visit anchors them anew. A regime costs its embedding and its
context (:mod:`crl.memory.models.relative`), tens of bytes each; generated weights are a cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.continual.generators.hypercrl import HyperCRL
from crl.memory.models.bridge import Bridge
from crl.memory.models.memory import NOMINAL, Memory
from crl.memory.models.regime import Regime, Standing
from crl.memory.models.relative import GOOD, NO_CONTEXTS, RelativeContexts
from crl.memory.models.steps import Steps
from crl.memory.models.units import Units

BESIDE = 0.3
"""Deviation of a new embedding from its neighbour's."""
LEAST = 60
"""Learning steps below which what a visit to a kept regime taught is undone. A fresh optimiser's first steps move every
parameter alike, and the regulariser, which resists only what has moved already, has not pulled the others back by then:
many short visits would wear them away. What a dropped regime taught is always undone."""


class HyperMemory(Memory):
    """Keeps an embedding per regime; see the module's text.

    Args:
        bridge: Identifies contexts.
        units: Common units of residuals.
        most: See :class:`Memory`.
        config: Settings of the hypernetwork and of its learning.
        generator: Source of its first parameters and of embeddings.
        batch: Transitions per learning step.
        cache: Greatest number of regimes whose generated weights are kept.
    """

    kind = "hypercrl"
    elsewhere = True

    def __init__(
        self,
        bridge: Bridge,
        units: Units,
        most: int,
        config: Config,
        generator: torch.Generator,
        *,
        batch: int = 64,
        cache: int = 64,
    ) -> None:
        super().__init__(bridge.base.size, most)
        self.base = base = bridge.base
        self._relative = RelativeContexts(bridge, units)
        self._batch, self._cache = batch, max(1, cache)
        self._generator = generator
        self._strategy = HyperCRL(config, base.network, generator)
        base_weight = "head.bias" if "base" not in self._strategy.parameters else "base"
        with torch.no_grad():
            self._strategy.parameters[base_weight].copy_(base.weights)
        self._strategy.embeddings[NOMINAL] = torch.zeros(config.dynamics.hypernetwork.embedding)
        self._strategy.begin_task(NOMINAL)  # never learned; but a strategy without a task can't be saved
        self._stacked: Tensor | None = None
        self._learning = NOMINAL
        self._taken = 0
        self._again = False
        self._before = self._values()
        self._own = torch.zeros(config.dynamics.hypernetwork.embedding)

    def predict(self, observation: Tensor, action: Tensor) -> Tensor:
        """See :class:`Memory`; regimes beyond the cache are generated in turn."""
        with torch.no_grad():
            order = self.order
            if self._stacked is None:
                self._stacked = self._generate(order[: self._cache])
            parts = [self.base.predict(self._stacked, observation, action)]
            for start in range(self._cache, len(order), self._cache):
                weights = self._generate(order[start : start + self._cache])
                parts.append(self.base.predict(weights, observation, action))
            return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _generate(self, regimes: list[int]) -> Tensor:
        """Weights [R, P] of regimes, under their contexts."""
        own = self._own_weights(regimes)
        return torch.stack([self._relative.weights(regime, one) for regime, one in zip(regimes, own, strict=True)])

    def _own_weights(self, regimes: list[int]) -> Tensor:
        embeddings = torch.stack([self._strategy.embeddings[index].detach() for index in regimes])
        with torch.no_grad():
            return self._strategy.hypernetwork.generate(self._strategy.parameters, embeddings)

    def weights(self, regime: int) -> Tensor:
        """See :class:`Memory`."""
        return self._generate([regime])[0]

    def _open(self, index: int, neighbour: int, steps: Steps) -> None:
        starts = list(dict.fromkeys((NOMINAL, neighbour)))
        chosen = self._relative.begin(index, steps, list(self._own_weights(starts)))
        self._start(index, starts[chosen])

    def _start(self, index: int, at: int) -> None:
        """Let a regime's embedding be beside another's."""
        near = self._strategy.embeddings[at].detach()
        self._strategy.embeddings[index] = near + BESIDE * torch.randn(near.shape, generator=self._generator)
        self._stacked = None
        if self._strategy.task == NOMINAL:
            # A regime that its context predicts is never learned; what is saved has to hold what would protect it.
            self._strategy.begin_task(NOMINAL)

    def learn(self, regime: int, steps: Steps, count: int, generator: torch.Generator) -> float | None:
        """See :class:`Memory`."""
        if regime == NOMINAL or count < 1 or len(steps) == 0:
            return None
        base = self.base.weights
        if self._relative.again(regime, steps, base, self.weights(regime)):
            if regime == self._learning:
                self._undo()
                self._learning = NOMINAL
            self._start(regime, NOMINAL)
        if self._relative.misfit(self.weights(regime), steps) <= GOOD:
            return None
        if regime != self._learning:
            self._learning = regime
            self._taken = 0
            self._before, self._again = self._values(), self.regimes[regime].standing is Standing.KEPT
            self._own = self._strategy.embeddings[regime].detach().clone()
            self._strategy.begin_task(regime)
        total, inner = 0.0, self._relative.inner(regime, steps)
        for _ in range(count):
            self._taken += 1
            rows = inner.draw(self._batch, generator)
            total += float(self._strategy.step(lambda weights, rows=rows: self.base.loss(weights, rows))["task"])  # type: ignore[misc]
        self._stacked = None
        return total / count

    def lesson(self, regime: int) -> dict[str, Any]:
        """See :class:`Memory`: learning changes what all regimes are generated by, so it is all of it."""
        del regime
        return self._state()

    def take_lesson(self, regime: int, state: Mapping[str, Any]) -> None:
        """See :class:`Memory`."""
        del regime
        self._load(state, self.regimes)

    def _values(self) -> dict[str, Tensor]:
        """Copies of all parameters."""
        return {name: value.detach().clone() for name, value in self._strategy.parameters.items()}

    def _undo(self) -> None:
        """Make the parameters what they were when the present learning began."""
        with torch.no_grad():
            for name, value in self._strategy.parameters.items():
                value.copy_(self._before[name])
        self._stacked = None

    def _own_bytes(self, regime: int) -> int:
        return self._strategy.embeddings[regime].nbytes + self._relative.kept_bytes(regime)

    def _once_bytes(self) -> int:
        return sum(value.nbytes for value in self._strategy.parameters.values())

    def rest(self) -> None:
        """See :class:`Memory`; what was learned too briefly is undone."""
        super().rest()
        if self._learning != NOMINAL and self._again and self._taken < LEAST:
            self._undo()
            with torch.no_grad():
                self._strategy.embeddings[self._learning].copy_(self._own)
        self._learning = NOMINAL
        self._relative.rest()

    def _drop(self, regime: int) -> None:
        del self._strategy.embeddings[regime]
        self._relative.drop(regime)
        self._stacked = None
        if regime == self._learning:
            self._undo()
            self._learning = NOMINAL
            self._relative.rest()
        if self._strategy.task == regime:
            self._strategy.begin_task(NOMINAL)

    def _state(self) -> dict[str, Any]:
        before = {name: value.clone() for name, value in self._before.items()}
        learning = {"regime": self._learning, "taken": self._taken, "again": self._again, "own": self._own.clone()}
        relative = self._relative.state_dict()
        return {"strategy": self._strategy.state_dict(), "learning": learning, "before": before, "relative": relative}

    def _load(self, state: Mapping[str, Any], regimes: Mapping[int, Regime]) -> None:
        with restoring.part("strategy"):
            self._strategy.load_state_dict(state["strategy"])
        if sorted(self._strategy.embeddings) != sorted(regimes):
            raise restoring.UnfitStateError("embeddings are of other regimes than those of the memory")
        self._before = restoring.same(state["before"], "before", self._strategy.parameters)
        with restoring.part("relative"):
            # Memories of before contexts were folded in have none.
            self._relative.load_state_dict(state.get("relative", NO_CONTEXTS), list(regimes))
        with restoring.part("learning"):
            learning = state["learning"]
            self._own = restoring.tensor(learning["own"], "own", self._own)
            self._learning, self._taken = int(learning["regime"]), int(learning["taken"])
            self._again = bool(learning["again"])
        self._stacked = None
