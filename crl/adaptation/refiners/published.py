"""The refiner of the flow conditioned as published: it refines by the newest transition alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl.adaptation.flow_matching.published_flow import PublishedFlow
from crl.adaptation.nominal_model import NominalModel
from crl.adaptation.refiners.base import Refiner
from crl.types import Array

THRESHOLD = 0.2
"""Length of an error, in deviations of the changes, above which the flow acts."""


class PublishedRefiner(Refiner):
    """Acts on every step after one whose error is above a threshold.

    As published, the planner's model learns what the flow corrects, too: the nominal command is the executed one.

    Args:
        flow: The fitted flow.
        nominal: The nominal model.
        clipped: Keep to the action box.
    """

    def __init__(self, flow: PublishedFlow, nominal: NominalModel, *, clipped: bool = True) -> None:
        super().__init__(flow.action)
        self.flow = flow
        self._nominal = nominal
        self._limits = flow.box if clipped else flow.box.scaled(flow.config.field.box_scale)
        self.begin()

    def begin(self) -> None:
        """Forget the newest transition."""
        self._newest: tuple[Tensor, Tensor] | None = None

    def refine(self, planned: Array) -> Array:
        """The action to execute for a planned one, float32 [A]."""
        if self._newest is None:
            return planned.copy()
        action, error = self._newest
        if not float((error / self.flow.scale).norm()) > THRESHOLD:
            return planned.copy()
        refined = self.flow.refine(torch.from_numpy(planned.copy()).unsqueeze(0), action, error)[0]
        if not bool(torch.isfinite(refined).all()):
            return planned.copy()
        result: Array = self._limits.clip(refined).numpy()
        return result

    def observe(self, observation: Tensor, executed: Tensor, change: Tensor) -> None:
        """Take note of one executed transition."""
        action = executed.unsqueeze(0)
        self._newest = action, change.unsqueeze(0) - self._nominal(observation.unsqueeze(0), action)

    def state_dict(self) -> dict[str, Any]:
        """The newest transition."""
        return {"newest": None if self._newest is None else [part.clone() for part in self._newest]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        newest = state["newest"]
        self._newest = None if newest is None else (newest[0].clone(), newest[1].clone())
