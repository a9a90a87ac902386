"""A constant disturbance on the map (wind, a slope), estimated from the residuals that the regime leaves.

No command of a vehicle that can only tilt makes a side force in one step. So no correction of an action cancels wind,
and the planner has to know it. The estimate is an exponential average over ``seconds`` of the residuals' level vectors,
turned to axes of the map. It is subtracted from every change before the regime sees it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl.dynamics.body import Body

OUTLIER = 6.0
"""Residuals count at most this many deviations of the nominal ones, so that no fault is taken for wind."""


class Disturbance:
    """Estimates the offset of a body's changes in axes of the map.

    Args:
        body: What a change consists of.
        seconds: Time constant of the average (s); 0 estimates nothing.
        period: Control period (s).
        spread: Deviation of the nominal residuals, [D].
    """

    def __init__(self, body: Body, seconds: float, period: float, spread: Tensor) -> None:
        self._body = body
        self._share = 1 - math.exp(-period / seconds) if seconds > 0 else 0.0
        self._limit = OUTLIER * spread
        self._counts = torch.zeros(body.changes)
        for pair in body.level:
            self._counts[list(pair)] = 1.0
        self._mean = torch.zeros(body.changes)

    @property
    def on(self) -> bool:
        """Whether anything is estimated."""
        return self._share > 0

    def observe(self, residual: Tensor, heading: Tensor) -> None:
        """Take note of a residual [D] (what the prediction *with* the present offset leaves) at a heading (rad)."""
        if self._share == 0 or not bool(torch.isfinite(residual).all()):
            return
        bounded = torch.clamp(residual, -self._limit, self._limit)
        self._mean = self._mean + self._share * self._counts * self._body.to_map(bounded, heading)

    def offset(self, heading: Tensor) -> Tensor:
        """The offset of a change [D] in axes of a heading (rad)."""
        return self._body.to_map(self._mean, -heading)

    def state_dict(self) -> dict[str, Any]:
        """The mean."""
        return {"mean": self._mean.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._mean = state["mean"].clone()
