"""What classical adaptive control has in common: an estimated offset of the command is subtracted, low-pass filtered.

Every transition gives an estimate sigma [A] of by how much the command that the body executed differs from the one that
it was given, in half ranges. The command is

    a = planned - half * eta,    eta <- eta + alpha (sigma - eta),    alpha = 1 - exp(-1 / filter).

For a body that executes u = m a + b (one element, in half ranges), sigma = (m - 1) a + b, and a constant plan r gives

    eta_k = eta_oo (1 - (1 - alpha m)^k),    eta_oo = ((m - 1) r + b) / m,    so that u -> r.

It converges for 0 < m < 2 / alpha, with the filter's time constant where m = 1. **A gain of the wrong sign makes it
diverge**, as theory has it: the sign of the input gain is assumed to be known (Hovakimyan and Cao 2010, section 2.2).
The offset is bounded, so that the command ends at a limit, on the wrong side.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.adaptation.box import Box
from crl.adaptation.nominal_model import NominalModel
from crl.adaptation.refiners.base import Refiner
from crl.types import ActionSpec, Array


class CompensatingRefiner(Refiner):
    """Subtracts a filtered offset of the command.

    The planner's model learns what is left: the nominal command is the executed one and the newest offset.

    Args:
        nominal: The model of one control step of the nominal body.
        spread: Deviation of its residuals, [D].
        action: Elements of the action.
        filter: Time constant of the low-pass filter (control steps).
        most: Greatest offset per element (half ranges).
        clipped: Keep to the action box.

    Attributes:
        FOR_MEASURED: Whether it is for commands whose effect is measured, and followed late (body rates); else for
            those whose effect shows in a step (velocities).
    """

    FOR_MEASURED: ClassVar[bool]

    def __init__(
        self,
        nominal: NominalModel,
        spread: Tensor,
        action: ActionSpec,
        *,
        filter: float,
        most: float,
        clipped: bool = True,
    ) -> None:
        super().__init__(action)
        self.box = Box.of(action)
        self._nominal, self._spread = nominal, spread
        self._share = 1 - math.exp(-1 / filter)
        self._most, self._clipped = most, clipped
        self.begin()

    def begin(self) -> None:
        """Forget the offset."""
        self.offset = torch.zeros(self.box.size)
        self.filtered = torch.zeros(self.box.size)

    def refine(self, planned: Array) -> Array:
        """The action to execute for a planned one, float32 [A]."""
        command = torch.from_numpy(planned.copy()) - self.box.half * self.filtered
        result: Array = (self.box.clip(command) if self._clipped else command).numpy()
        return result

    def observe(self, observation: Tensor, executed: Tensor, change: Tensor) -> None:
        """Estimate the offset from a transition, and filter it. An estimate that is not finite is passed over."""
        with torch.no_grad():
            found = self.estimate(observation.unsqueeze(0), executed.unsqueeze(0), change.unsqueeze(0))
        if not bool(torch.isfinite(found).all()):
            return
        self.offset = found.clamp(-self._most, self._most)
        self.filtered = self.filtered + self._share * (self.offset - self.filtered)

    @abstractmethod
    def estimate(self, observation: Tensor, executed: Tensor, change: Tensor) -> Tensor:
        """The offset [A] (half ranges) that a transition tells of: [1, S], [1, A], [1, D]."""

    def nominal_command(self, executed: Tensor) -> Tensor:
        """The executed command and its offset."""
        return executed + self.box.half * self.offset

    def state_dict(self) -> dict[str, Any]:
        """The offset, newest and filtered."""
        return {"offset": self.offset.clone(), "filtered": self.filtered.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.offset = restoring.tensor(state["offset"], "offset", self.offset)
        self.filtered = restoring.tensor(state["filtered"], "filtered", self.filtered)


def solved(slope: Tensor, residual: Tensor, spread: Tensor) -> Tensor:
    """Offsets [A] (half ranges) that explain residuals [R] best, by damped least squares.

    (G^T W G + I)^-1 G^T W r, with G = ``slope`` [R, A] and W = diag(1 / spread^2). The damping is of the size of the
    noise: an element without effect has no offset.
    """
    scaled = slope / spread.unsqueeze(-1)
    square = scaled.mT @ scaled + torch.eye(slope.shape[-1])
    found: Tensor = torch.linalg.solve(square, scaled.mT @ (residual / spread))
    return found
