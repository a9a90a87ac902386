"""A rival of the flow: box-constrained least squares on the identified context.

Where a wanted effect can't be attained inside the action box, the plain inverse is clipped element by element. This one
takes the action inside the box whose effect is nearest to the wanted one, in half ranges.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.adaptation.box import Box, box_least_squares
from crl.adaptation.refiners.tracking import TrackingRefiner
from crl.adaptation.tracking.hypotheses import Hypothesis


class BoxInverseRefiner(TrackingRefiner):
    """Corrects planned actions by bounded least squares on the context, linearised about no command."""

    def corrected(self, action: Tensor, hypothesis: Hypothesis) -> Tensor:
        """The action [A] in the box whose effect is nearest to that of a planned one [A] on the nominal body."""
        half, size = self._limits.half, self._limits.size
        points = torch.cat([torch.zeros(1, size), torch.diag(half)])
        context = hypothesis.context.expand(size + 1, -1)
        effects = self.flow.identifier.effective(points, context) / half
        if not bool(torch.isfinite(effects).all()):
            return torch.full_like(action, torch.nan)
        matrix, bias = (effects[1:] - effects[0]).T, effects[0]
        wanted, ends = action / half, Box(self._limits.low / half, self._limits.high / half)
        solved = box_least_squares(matrix.unsqueeze(0), (wanted - bias).unsqueeze(0), wanted.unsqueeze(0), ends)
        return solved[0] * half
