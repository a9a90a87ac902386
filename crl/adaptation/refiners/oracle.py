"""The oracle: told what the body makes of its commands, it is an upper bound that no robot reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crl.adaptation.authority import Reach, reachable_spec
from crl.adaptation.box import Box, box_least_squares
from crl.adaptation.refiners.base import Effect, Motion, Refiner
from crl.errors import CrlError
from crl.types import ActionSpec, Array


class OracleRefiner(Refiner):
    """Inverts what the body really makes of its commands, u = M a + b.

    Where that is no matrix and bias, it is told the function, or how the body moves, and plans are made on it: nothing
    is left to invert.

    Args:
        action: Elements of the action.
        clipped: Keep to the action box; what cannot be attained is approached as near as possible, in half ranges.
    """

    is_told = True

    def __init__(self, action: ActionSpec, *, clipped: bool = True) -> None:
        super().__init__(action)
        self._box = Box.of(action)
        self.clipped = clipped
        self.begin()

    def begin(self) -> None:
        """A nominal body."""
        self._matrix, self._bias = torch.eye(self._box.size), torch.zeros(self._box.size)
        self._effect: Effect | None = None
        self.motion = None

    def tell(self, gains: Tensor, bias: Tensor | None = None) -> None:
        """See :class:`~crl.adaptation.refiners.base.Refiner`.

        Raises:
            CrlError: The sizes do not fit the action.
        """
        matrix = torch.diag(gains) if gains.ndim == 1 else gains
        offset = torch.zeros(self._box.size) if bias is None else bias
        size = self._box.size
        if matrix.shape != (size, size) or offset.shape != (size,):
            raise CrlError(
                f"gains {tuple(gains.shape)} and a bias {tuple(offset.shape)} do not fit {size} actions",
                "give one gain (or one row and column of a matrix) and one bias per action element",
            )
        self._matrix, self._bias = matrix.float(), offset.float()

    def tell_effect(self, effect: Effect) -> None:
        """See :class:`~crl.adaptation.refiners.base.Refiner`."""
        self._effect = effect

    def tell_motion(self, motion: Motion) -> None:
        """See :class:`~crl.adaptation.refiners.base.Refiner`."""
        self.motion = motion

    def effect(self, actions: Tensor) -> Tensor:
        """What actions amount to, if it was told a function."""
        return actions if self._effect is None else self._effect(actions)

    def refine(self, planned: Array) -> Array:
        """The action that makes the body do what was planned; a dead channel's action stays as it is."""
        if self._effect is not None:
            return planned.copy()
        wanted = torch.from_numpy(planned.copy())
        half = self._box.half
        # In half ranges, so that elements with different units have the same weight.
        matrix = self._matrix * half / half.unsqueeze(-1)
        target = (wanted - self._bias) / half
        if self.clipped:
            ends = Box(self._box.low / half, self._box.high / half)
            solved = box_least_squares(matrix.unsqueeze(0), target.unsqueeze(0), (wanted / half).unsqueeze(0), ends)[0]
        else:
            start = wanted / half
            solved = (
                start + torch.linalg.lstsq(matrix, (target - matrix @ start).unsqueeze(-1), driver="gelsd")[0][:, 0]
            )
        result: Array = (solved * half).numpy().astype(np.float32)
        return result

    def nominal_command(self, executed: Tensor) -> Tensor:
        """What the body makes of an executed command: M a + b."""
        return self._matrix @ executed + self._bias if self._effect is None else self._effect(executed)

    def authority(self) -> ActionSpec:
        """The range of planned actions that can be attained; see :func:`~crl.adaptation.authority.reachable_box`."""
        if not self.clipped or self._effect is not None:
            return self.action
        reach = self._matrix.abs() @ self._box.half
        centre = self._matrix @ self._box.middle + self._bias
        return reachable_spec(self.action, Box(self._box.clip(centre - reach), self._box.clip(centre + reach)))

    def reach(self) -> Reach | None:
        """What the body can do, where it couples channels."""
        if (
            not self.clipped
            or self._effect is not None
            or torch.equal(self._matrix, torch.diag(self._matrix.diagonal()))
        ):
            return None
        half = self._box.half
        return Reach(self._matrix * half / half.unsqueeze(-1), self._bias / half, self._box)

    def state_dict(self) -> dict[str, Any]:
        """What was told."""
        return {"matrix": self._matrix.clone(), "bias": self._bias.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._matrix, self._bias = state["matrix"].clone(), state["bias"].clone()
