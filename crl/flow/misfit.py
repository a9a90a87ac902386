"""What explains transitions how well: normalised residuals that a context leaves of them, and sums that compare.

A context's prediction is wrong by a share of the regime's effect. To detect a change and to judge what is found that
share is forgiven; to compare contexts it is not, for then the wildest would be forgiven most. There every transition
counts the less, the larger the effect that it shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from crl.flow.box import Box
from crl.flow.detection import Calibration
from crl.flow.identifier import Identifier
from crl.flow.nominal import Nominal, extended, lags, replaced
from crl.flow.transitions import Row, columns

SOUND = 2.0
"""Greatest mean of what is left, in units of the nominal body's allowance, for a context to be acted upon."""
HALF = 0.5
"""A context explains a window if it explains this share of what is unusual; nominal, if no sum is at this share of
its threshold."""
GROSS = 1e6
"""Greatest mean square of a transition."""


class Misfit:
    """Compares what contexts and the nominal body leave of transitions.

    Args:
        identifier: Says what a context makes of commands, and the relative error of what it says.
        nominal: The nominal model.
        calibration: Distribution of its residuals.
        box: The action box.
    """

    def __init__(self, identifier: Identifier, nominal: Nominal, calibration: Calibration, box: Box) -> None:
        self._identifier = identifier
        self._nominal = nominal
        self._calibration = calibration
        self._box = box

    def left(self, context: Tensor, rows: Sequence[Row]) -> Tensor:
        """What a context [C] leaves of transitions: normalised residuals, float64 [N, D]."""
        observation, action, change = columns(rows)
        contexts = context.expand(action.shape[0], -1)
        command = self._identifier.done(observation, action, contexts)
        before = lags(self._nominal)
        told = observation
        if before:
            did = self._box.clip(self._identifier.done(observation, observation[..., before], contexts))
            told = replaced(observation, before, did)
        return self._calibration.whiten(change - extended(self._nominal, told, command, self._box))

    def forgiven(self, left: Tensor, rows: Sequence[Row]) -> Tensor:
        """Mean squares [N] that are forgiven of transitions, of which something leaves [N, D]."""
        return self._identifier.relative_error**2 * (plain(rows) - left).square().mean(dim=-1)

    def total(self, left: Tensor, rows: Sequence[Row]) -> float:
        """Sum of the mean squares of what is left of transitions [N, D], each weighted by the effect that it shows."""
        shown = squares(plain(rows))
        return float((squares(left) / (1 + self._identifier.relative_error**2 * shown)).sum())

    def unsound(self, left: Tensor, rows: Sequence[Row]) -> float:
        """Mean of what is left of transitions [N, D], less what is forgiven, in allowances of the nominal body."""
        return float((squares(left) / (1 + self.forgiven(left, rows))).mean()) / self._calibration.allowance

    def convinces(self, left: Tensor, rows: Sequence[Row]) -> bool:
        """Whether what leaves [N, D] of transitions is much better than the nominal body, and good enough."""
        worst = self.total(plain(rows), rows)
        unusual = max(0.0, worst - len(rows) * self._calibration.usual)
        better = worst - self.total(left, rows) > max(HALF * unusual, self.chance(len(rows)))
        return better and self.unsound(left, rows) <= SOUND

    def chance(self, count: int) -> float:
        """How much better a parameter or two explain so many nominal transitions by chance (Schwarz 1978)."""
        elements = len(self._calibration.mean)
        return 2 * self._calibration.allowance * math.log(max(count * elements, 2)) / elements


def plain(rows: Sequence[Row]) -> Tensor:
    """What the nominal body leaves of transitions, [N, D]."""
    return torch.stack([row.plain for row in rows])


def squares(left: Tensor) -> Tensor:
    """Mean squares [N] of residuals [N, D]; one that is not finite is as large as can be."""
    means = left.square().mean(dim=-1)
    return torch.where(torch.isfinite(means), means, GROSS).clamp_max(GROSS)
