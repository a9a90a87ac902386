"""What memories have in common that keep tensors of their own for every regime, under the regime's context."""

from __future__ import annotations

from abc import abstractmethod
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


class UnderContexts(Memory):
    """Keeps a tensor per regime, from which its network is made, under its context (:mod:`crl.memory.models.relative`).

    Args:
        bridge: Identifies contexts.
        units: Common units of residuals.
        most: See :class:`Memory`.
        nominal: What is kept of the nominal regime.
    """

    def __init__(self, bridge: Bridge, units: Units, most: int, nominal: Tensor) -> None:
        super().__init__(bridge.base.size, most)
        self.base = bridge.base
        self._relative = RelativeContexts(bridge, units)
        self._kept = {NOMINAL: nominal}
        self._weights = {NOMINAL: self.base.weights}
        self._stacked: Tensor | None = None
        self._learning = NOMINAL

    @abstractmethod
    def _network(self, kept: Tensor) -> Tensor:
        """Weights [P] of a network without its context, of what is kept of it."""

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
        starts = [self._kept[at] for at in dict.fromkeys((NOMINAL, neighbour))]
        chosen = self._relative.begin(index, steps, [self._network(kept) for kept in starts])
        self._set(index, starts[chosen].clone())

    def _set(self, index: int, kept: Tensor) -> None:
        """Let a regime have this under its context."""
        self._kept[index] = kept
        self._weights[index] = self._relative.weights(index, self._network(kept))
        self._stacked = None

    def _to_learn(self, regime: int, steps: Steps, count: int) -> bool:
        """Whether there is anything to learn beside the context, which may be found again by this."""
        if regime == NOMINAL or count < 1 or len(steps) == 0:
            return False
        if self._relative.again(regime, steps, self.base.weights, self._weights[regime]):
            self._set(regime, self._kept[NOMINAL].clone())
            self._learning = NOMINAL
        return not self._relative.misfit(self._weights[regime], steps) <= GOOD  # a misfit of NaN is learned from

    def lesson(self, regime: int) -> dict[str, Any]:
        """See :class:`Memory`."""
        return {
            "kept": self._kept[regime].clone(),
            "relative": self._relative.lesson(regime),
            "learning": self._learning_state(),
        }

    def take_lesson(self, regime: int, state: Mapping[str, Any]) -> None:
        """See :class:`Memory`."""
        kept = restoring.tensor(state["kept"], "kept", self._kept[NOMINAL])
        with restoring.part("relative"):
            self._relative.take_lesson(regime, state["relative"])
        self._set(regime, kept)
        with restoring.part("learning"):
            self._load_learning(state["learning"])

    @abstractmethod
    def _learning_state(self) -> dict[str, Any]:
        """What lasts as long as a regime goes on being learned, as plain data."""

    @abstractmethod
    def _load_learning(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`_learning_state` returned."""

    def _own_bytes(self, regime: int) -> int:
        return self._kept[regime].nbytes + self._relative.kept_bytes(regime)

    def _once_bytes(self) -> int:
        return self.base.weights.nbytes

    def rest(self) -> None:
        """See :class:`Memory`."""
        super().rest()
        self._learning = NOMINAL
        self._relative.rest()

    def _drop(self, regime: int) -> None:
        del self._weights[regime], self._kept[regime]
        self._relative.drop(regime)
        self._stacked = None
        if regime == self._learning:
            self.rest()

    def _shared_state(self, name: str) -> dict[str, Any]:
        """What is kept, under a name, and the contexts."""
        kept = {index: value.clone() for index, value in self._kept.items()}
        return {name: kept, "relative": self._relative.state_dict()}

    def _load_shared(self, state: Mapping[str, Any], regimes: list[int], name: str, about: str) -> None:
        """Restore what :meth:`_shared_state` gave; ``about`` says what it is."""
        kept = self._read_kept(state, regimes, name, about)
        self._load_contexts(state, regimes)
        for index in regimes:
            self._set(index, kept[index])

    def _read_kept(self, state: Mapping[str, Any], regimes: list[int], name: str, about: str) -> dict[int, Tensor]:
        kept = restoring.tensors(state[name], name, self._kept[NOMINAL])
        if sorted(kept) != sorted(regimes):
            raise restoring.UnfitStateError(f"{about} are of other regimes than those of the memory")
        return kept

    def _load_contexts(self, state: Mapping[str, Any], regimes: list[int]) -> None:
        """Restore the contexts of :meth:`_shared_state`."""
        with restoring.part("relative"):
            # Memories of before contexts were folded in have none.
            self._relative.load_state_dict(state.get("relative", NO_CONTEXTS), regimes)
