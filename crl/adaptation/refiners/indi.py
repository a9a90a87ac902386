"""Incremental nonlinear dynamic inversion (INDI) of body-rate commands, around a planner.

Sieberling, Chu and Mulder, *Robust Flight Control Using Incremental Nonlinear Dynamic Inversion and Angular
Acceleration Prediction*, JGCD 2010; Smeur, Chu and de Croon, *Adaptive Incremental Nonlinear Dynamic Inversion for
Attitude Control of Micro Air Vehicles*, JGCD 2016. The change of the rates is expanded around the newest command c_0:

    change = change_0 + [f(o, c_0) - f(o_0, c_0)] + G (c - c_0),    G = df/dc.

It is set to the planned one, f(o, planned) = f(o, c_0) + G (planned - c_0), and solved for the command:

    c = planned - G^-1 (change_0 - f(o_0, c_0)).

What is subtracted is filtered (:mod:`~crl.adaptation.refiners.compensation`), the measured change and the command
before alike, as Smeur et al. do. Deviations: commands are body rates and not those of actuators. The difference over a
control step stands for the angular acceleration. The bracket, which INDI neglects at the rates of a flight controller,
is kept, since control steps are longer here; so the model is needed, and not the control effectiveness G alone.
Elements that nothing measures (thrust) are executed as they were planned.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from crl.adaptation.nominal_model import NominalModel, command_slope
from crl.adaptation.refiners.compensation import CompensatingRefiner, solved


class IndiRefiner(CompensatingRefiner):
    """Estimates the offset of measured elements from the changes of their measurements alone.

    Args:
        nominal: The model of one control step of the nominal body.
        *given: As for :class:`CompensatingRefiner`.
        rows: For every element of an action, where among the changes that of its measurement is, -1 for none.
        **more: As for :class:`CompensatingRefiner`.
    """

    FOR_MEASURED = True

    def __init__(self, nominal: NominalModel, *given: Any, rows: tuple[int, ...], **more: Any) -> None:
        super().__init__(nominal, *given, **more)
        self._elements = [element for element, row in enumerate(rows) if row >= 0]
        self._rows = [rows[element] for element in self._elements]

    def estimate(self, observation: Tensor, executed: Tensor, change: Tensor) -> Tensor:
        """What the newest command and its measured effect say."""
        value, slope = command_slope(self._nominal, observation, executed, self.box)
        effectiveness = slope[0][self._rows][:, self._elements]
        residual = (change - value)[0, self._rows]
        found = torch.zeros(self.box.size)
        found[self._elements] = solved(effectiveness, residual, self._spread[self._rows])
        return found
