"""The trivial rival of the flow: the analytic inverse of the identified context.

For a body that executes u = M a + b it is the (damped) inverse M^-1 (a - b). No network is trained.
"""

from __future__ import annotations

from torch import Tensor

from crl.adaptation.refiners.tracking import TrackingRefiner
from crl.adaptation.tracking.hypotheses import Hypothesis


class InverseRefiner(TrackingRefiner):
    """Corrects planned actions by the identifier's own inverse."""

    def corrected(self, action: Tensor, hypothesis: Hypothesis) -> Tensor:
        """The identifier's inverse command."""
        return self.flow.identifier.inverse_command(action.unsqueeze(0), hypothesis.context.unsqueeze(0))[0]
