"""Action flow matching: a fitted flow carries the planned action to the one that does the same under the context.

Murillo-Gonzalez and Liu, *Action Flow Matching for Continual Robot Learning*, RSS 2025.
"""

from __future__ import annotations

from torch import Tensor

from crl.adaptation.refiners.tracking import TrackingRefiner
from crl.adaptation.tracking.hypotheses import Hypothesis


class FlowRefiner(TrackingRefiner):
    """Corrects planned actions by the fitted flow."""

    def corrected(self, action: Tensor, hypothesis: Hypothesis) -> Tensor:
        """Where the flow carries the action."""
        context, features = hypothesis.context.unsqueeze(0), hypothesis.features.unsqueeze(0)
        return self.flow.refine(action.unsqueeze(0), context, features)[0]
