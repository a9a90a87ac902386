"""A rival of the flow: box-constrained least squares on the identified context.

Where a wanted effect can't be attained inside the action box, the plain inverse is clipped element by element. This one
takes the action inside the box whose effect is nearest to the wanted one, in half ranges.
"""

from __future__ import annotations

from torch import Tensor

from crl.adaptation.box import nearest_effect
from crl.adaptation.refiners.tracking import TrackingRefiner
from crl.adaptation.tracking.hypotheses import Hypothesis


class BoxInverseRefiner(TrackingRefiner):
    """Corrects planned actions by bounded least squares on the context, linearised about no command."""

    def corrected(self, action: Tensor, hypothesis: Hypothesis) -> Tensor:
        """The action [A] in the box whose effect is nearest to that of a planned one [A] on the nominal body."""
        identifier, context = self.flow.identifier, hypothesis.context

        def effective(points: Tensor) -> Tensor:
            return identifier.effective(points, context.expand(len(points), -1))

        return nearest_effect(effective, action, self._limits)
