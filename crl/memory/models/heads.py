"""A last layer per regime, under its context: solved for at once, from few transitions, and small.

What the nominal network's hidden layers compute is kept, as features of every regime; a regime's own are the weights
of the last layer. They have a Gaussian prior around those of the regime at which it started, and residuals have the
common unit as their deviation. So the best weights are the solution of linear equations (ridge regression), and no
learning rate has to fit: a regime whose changes are nearly those of the nominal body, differently mixed and scaled, is
known after a few transitions. What the features do not span is never learned.

What is kept of a regime that is left can be rounded to 16 bits: the layer as its difference from the nominal one. That
halves its bytes. Where bytes are fewer, it is a few transitions (:mod:`crl.memory.models.summary`), from which its last
layer is solved for again. Eight of them take an eighth of the bytes of the layer and of all inputs at which it was
seen; some lives do worse with them (docs/decisions/017-memory-of-regimes.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.memory.models.bridge import Bridge
from crl.memory.models.memory import NOMINAL
from crl.memory.models.regime import Regime
from crl.memory.models.steps import Steps
from crl.memory.models.summary import halved, most_telling, outputs, solved
from crl.memory.models.under_contexts import UnderContexts
from crl.memory.models.units import Units


class HeadMemory(UnderContexts):
    """Keeps the last layer of every regime's network, under its context (:mod:`crl.memory.models.relative`).

    Args:
        bridge: Identifies contexts.
        units: Common units of residuals.
        most: See :class:`Memory`.
        spread: Deviation of the prior of every weight, in units of normalised changes.
        inputs: Transitions that are kept of a regime; 0: its last layer is kept, and all inputs at which it was seen.
        halved: Whether layers and inputs that are kept are rounded to 16 bits once their regime is left. A few
            transitions always are.
    """

    kind = "heads"
    elsewhere = True
    widest = 1.7

    def __init__(
        self, bridge: Bridge, units: Units, most: int, *, spread: float, inputs: int, halved: bool = False
    ) -> None:
        base = bridge.base
        self._trunk, nominal = base.weights.split([base.network.size - base.network.head_size, base.network.head_size])
        # Of regimes that were left, in 16 bits: outputs [n, D] of a few inputs, or the layer's difference [P].
        self._small: dict[int, Tensor] = {}
        super().__init__(bridge, units, most, nominal)
        self._spread, self._inputs, self._halved = spread, inputs, halved
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
        inputs = self.regimes[regime].inputs
        if inputs is None:
            return None
        count = len(action)
        both = Steps(
            torch.cat([observation, inputs[0]]), torch.cat([action, inputs[1]]), action.new_zeros(0, self.size)
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

    # ------------------------------------------------------------------ what is kept
    def _set(self, index: int, kept: Tensor) -> None:
        self._small.pop(index, None)
        super()._set(index, kept)

    def rest(self) -> None:
        """See :class:`Memory`: what was learned or seen of a regime is made small, if it is to be."""
        for entry in self.regimes.values():
            if entry.seen is not None and self._at_work(entry.index):
                self._summarise(entry)
        super().rest()

    def _at_work(self, regime: int) -> bool:
        return (self._inputs > 0 or self._halved) and not self._summarised(regime)

    def _summarised(self, regime: int) -> bool:
        seen = self.regimes[regime].seen
        return regime in self._small and seen is not None and seen[0].dtype is torch.float16

    def _summarise(self, entry: Regime) -> None:
        inputs = entry.inputs
        assert inputs is not None
        difference = self._kept[entry.index] - self._kept[NOMINAL]
        if self._inputs == 0:
            entry.seen = (halved(inputs[0]), halved(inputs[1]))
            self._recover(entry.index, halved(difference))
            return
        every = self._seen_features(entry.index, inputs)
        rows = most_telling(every, float(self._ridge.mean()), self._inputs)
        entry.seen = (halved(inputs[0][rows]), halved(inputs[1][rows]))
        few = self._seen_features(entry.index, entry.inputs)
        layer = difference.view(every.shape[1], -1).double()
        self._recover(entry.index, halved(outputs(every, few, layer, self._ridge)), few)

    def _recover(self, regime: int, small: Tensor, few: Tensor | None = None) -> None:
        """Let a regime have the last layer that is kept as its difference, or that a few transitions say."""
        layer = small.float() if few is None else solved(few, small.double(), self._ridge).float().flatten()
        self._set(regime, self._kept[NOMINAL] + layer)
        self._small[regime] = small

    def _seen_features(self, regime: int, inputs: tuple[Tensor, Tensor] | None) -> Tensor:
        assert inputs is not None
        return self._features(self._relative.inner(regime, Steps(*inputs, inputs[1].new_zeros(0, self.size))))

    def _own_bytes(self, regime: int) -> int:
        kept = self._small if self._summarised(regime) else self._kept
        return kept[regime].nbytes + self._relative.kept_bytes(regime)

    def _drop(self, regime: int) -> None:
        self._small.pop(regime, None)
        super()._drop(regime)

    def _state(self) -> dict[str, Any]:
        """Last layers as they are of what is at work, and what is kept in 16 bits; inputs are in the entries."""
        small = {index: value.clone() for index, value in self._small.items() if self._summarised(index)}
        return {
            "heads": {index: layer.clone() for index, layer in self._kept.items() if index not in small},
            "outputs": {index: value for index, value in small.items() if value.ndim == 2},
            "differences": {index: value for index, value in small.items() if value.ndim == 1},
            "relative": self._relative.state_dict(),
            "learning": self._learning_state(),
        }

    def _learning_state(self) -> dict[str, Any]:
        return {"regime": self._learning, "prior": self._prior.clone()}

    def _load_learning(self, state: Mapping[str, Any]) -> None:
        self._learning = int(state["regime"])
        self._prior = restoring.tensor(state["prior"], "prior", self._kept[NOMINAL])

    def _load(self, state: Mapping[str, Any], regimes: Mapping[int, Regime]) -> None:
        like = torch.zeros(0, dtype=torch.float16)
        # Memories of before anything was kept in 16 bits have layers alone.
        told = {
            index: restoring.tensor(value, f"outputs[{index!r}]", like, (None, self.size))
            for index, value in state.get("outputs", {}).items()
        }
        differences = restoring.tensors(state.get("differences", {}), "differences", self._kept[NOMINAL].half())
        whole = [index for index in regimes if index not in told and index not in differences]
        layers = self._read_kept(state, whole, "heads", "last layers")
        self._load_contexts(state, list(regimes))
        self._small.clear()
        for index, layer in layers.items():
            self._set(index, layer)
        for index, value in told.items():
            inputs = regimes[index].inputs if index in regimes else None
            if inputs is None or len(inputs[1]) != len(value):
                raise restoring.UnfitStateError("outputs are of other inputs than those of the memory")
            self._recover(index, value, self._seen_features(index, inputs))
        for index, value in differences.items():
            if index not in regimes:
                raise restoring.UnfitStateError("differences are of other regimes than those of the memory")
            self._recover(index, value)
        with restoring.part("learning"):
            self._load_learning(state["learning"])
