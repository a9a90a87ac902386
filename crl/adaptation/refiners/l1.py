"""L1 adaptive control of velocity set-points, around a planner.

Hovakimyan and Cao, *L1 Adaptive Control Theory*, SIAM 2010: a state predictor, a piecewise-constant adaptation law
(section 3.3), and a low-pass filter before the command. As in Pravitra et al., *L1-Adaptive MPPI Architecture for
Robust and Agile Control of Multirotors*, IROS 2020, it is added to what the planner commands. The uncertainty sigma
is matched: it acts where the command does.

* State predictor: the nominal model of one control step, o' = o + f(o, a + half * sigma). It begins at the measured
  state in every step (in the papers its error decays by exp(A_s T) from one step to the next; here A_s = -oo).
* Adaptation law: sigma <- sigma + G^+ (change - f(o, a + half * sigma)), with G = df/da, the damped pseudo-inverse of
  the input matrix, weighted by the noise.
* Control law: a = planned - half * C(s) sigma with a low-pass filter C of the first order
  (:mod:`~crl.adaptation.refiners.compensation`). The plan itself is not filtered.

Deviations: f is learned and not linear, its derivative is taken where the body is, and unmatched uncertainty is left to
the planner's model, which learns it.
"""

from __future__ import annotations

from torch import Tensor

from crl.adaptation.nominal_model import command_slope, extended, replaced
from crl.adaptation.refiners.compensation import CompensatingRefiner, solved


class L1Refiner(CompensatingRefiner):
    """Estimates the offset by a state predictor over all changes."""

    FOR_MEASURED = False

    def estimate(self, observation: Tensor, executed: Tensor, change: Tensor) -> Tensor:
        """The adaptation law."""
        shift, lags = self.box.half * self.offset, self._nominal.lags
        if lags:  # the command before was offset as well
            observation = replaced(observation, lags, self.box.clip(observation[..., lags] + shift))
        command = executed + shift
        predicted = extended(self._nominal, observation, command, self.box)
        _, slope = command_slope(self._nominal, observation, self.box.clip(command), self.box)
        return self.offset + solved(slope[0], (change - predicted)[0], self._spread)
