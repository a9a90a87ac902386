"""ReDo: Sokar, Agarwal, Castro, Evci, ICML 2023 (arXiv 2302.12902), equation 1 and algorithm 1.

The score of a hidden unit is its mean absolute activation over the layer's mean, s_i = E|h_i| / (1/H sum_k E|h_k|).
Every redo_every steps, units with s_i <= redo_threshold get fresh incoming weights and zero outgoing ones, and Adam's
moments of these weights become zero. Deviations: the expectation is over all batches since the last check; outgoing
weights become zero in the heads of all tasks; with activations that are never exactly zero (silu) the threshold has
to be above zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from crl import restoring
from crl.continual.generators.shared import SharedNetwork
from crl.continual.part import Boundary
from crl.continual.plasticity.plasticity import Plasticity


class ReDo(Plasticity):
    """Dormant units are recycled.

    Attributes:
        steps: Steps since the last check.
        sums: Sum over these steps of the mean absolute activation of every unit: [E, units] by hidden layer.
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"redo_every": 1000, "redo_threshold": 0.025}
    BOUNDARY = Boundary.NOTHING
    FOLLOWS = True
    WATCHES = True
    KEPT_ONCE = ("sums",)

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.every = self.whole("redo_every", least=1)
        self.threshold = self.number("redo_threshold")
        self._clear()

    def _clear(self) -> None:
        self.steps = 0
        self.sums = self.units()

    def after_step(self, before: Mapping[str, Tensor]) -> None:
        """Count the step, and recycle when it is time."""
        del before
        if not self.moves:
            return
        for layer, active in enumerate(self._seen):
            self.sums[str(layer)] += active
        self.steps += 1
        if self.steps >= self.every:
            for layer, found in enumerate(self.dormant()):
                if bool(found.any()):
                    self.renew(layer, found)
            self._clear()

    def dormant(self) -> list[Tensor]:
        """Which units are dormant: a mask [E, units] per hidden layer."""
        return [total <= self.threshold * total.mean(dim=1, keepdim=True) for total in self.sums.values()]

    def state_dict(self) -> dict[str, Any]:
        """Sums and counter."""
        return {"steps": self.steps, "sums": {layer: total.clone() for layer, total in self.sums.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.steps = int(state["steps"])
        self.sums = restoring.same(state["sums"], "sums", self.sums)
