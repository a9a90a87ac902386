"""The refiner of a memory of regimes: corrects plans while a regime is bridged, and tells what is believed."""

from __future__ import annotations

import torch

from crl.adaptation.refiners.base import Refiner
from crl.adaptation.tracking.regime import Regime
from crl.memory.lifelong import Lifelong
from crl.memory.models.memory import NOMINAL
from crl.types import ActionSpec, Array


class LifelongRefiner(Refiner):
    """What planners and missions see of a memory.

    Args:
        action: Elements of the action.
        lifelong: Memory and belief.
    """

    tracks = True

    def __init__(self, action: ActionSpec, lifelong: Lifelong) -> None:
        super().__init__(action)
        self._lifelong = lifelong
        self.begin()

    def begin(self) -> None:
        """A new episode: alarms are counted anew. What is believed stays."""
        self._before = self._lifelong.belief.alarms

    def tell_regime(self, regime: int) -> None:
        """See :meth:`crl.memory.belief.loop.Belief.tell`."""
        self._lifelong.belief.tell(regime)

    def forget_labels(self) -> None:
        """See :meth:`crl.memory.belief.loop.Belief.forget_labels`."""
        self._lifelong.belief.forget_labels()

    @property
    def regime(self) -> Regime:
        """The regime in force: off nominal and acted on, unless it is the nominal one."""
        belief = self._lifelong.belief
        context = belief.force.context
        off = belief.force.regime != NOMINAL or context is not None
        return Regime(
            off, torch.zeros(0) if context is None else context, float(off), belief.alarms - self._before, off=off
        )

    def refine(self, planned: Array) -> Array:
        """The action to execute for a planned one, float32 [A]; see :meth:`Lifelong.refine`."""
        return self._lifelong.refine(planned)
