"""A rival of every refiner: no correction, and a planner that plans on the identified dynamics (adaptive MPC)."""

from __future__ import annotations

from torch import Tensor

from crl.adaptation.authority import Reach
from crl.adaptation.refiners.tracking import TrackingRefiner
from crl.adaptation.tracking.hypotheses import Hypothesis
from crl.types import ActionSpec


class ReplanRefiner(TrackingRefiner):
    """Executes what was planned; the planner is told what the body makes of it."""

    def corrected(self, action: Tensor, hypothesis: Hypothesis) -> Tensor:
        """The planned action: it was planned for the body as it is."""
        del hypothesis
        return action

    def effect(self, actions: Tensor) -> Tensor:
        """The nominal commands [..., A] that actions [..., A] amount to under the regime in force."""
        regime = self.regime
        if not regime.active:
            return actions
        flat = actions.reshape(-1, actions.shape[-1])
        return self.flow.identifier.effective(flat, regime.context.expand(len(flat), -1)).view_as(actions)

    def authority(self) -> ActionSpec:
        """The whole range while a context explains the body: the model knows what commands do."""
        return self.action if self.regime.active else super().authority()

    def reach(self) -> Reach | None:
        """All of it."""
        return None
