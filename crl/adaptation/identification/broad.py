"""A broad family of simulated bodies: affine in what each channel makes of its command, which need not be linear.

The effect of a channel is that of a dead zone, a power law and a stall, in this order (Tao and Kokotovic, *Adaptive
Control of Systems with Actuator and Sensor Nonlinearities*, Wiley 1996, chapter 2, for the first two). Gains, couplings
and biases follow, as :class:`~crl.adaptation.identification.simulator.ChannelRegimes` draws them. A stall rises up to a
limit, and falls to a fifth of it at the full command: two commands then have one effect.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from crl.adaptation.identification.simulator import ChannelRegimes

SHAPED = 0.3
"""Share of the channels that have each of the three shapes."""
DEAD, POWER, STALL = (0.1, 0.4), (0.5, 2.5), (0.4, 0.8)
"""Ranges of the dead zone's half width, the exponent (log-uniform) and the stall's limit, in half ranges."""


class BroadRegimes(ChannelRegimes):
    """Regimes whose channels need not be linear; parameters [count, P + 3 A]: the structure's, then the shapes'."""

    def regimes(self, count: int, generator: torch.Generator) -> Tensor:
        """Parameters of the structure, dead zones, exponents and stalls."""

        def shape(low: float, high: float, without: float) -> Tensor:
            drawn = low + (high - low) * torch.rand(count, self.box.size, generator=generator)
            has = torch.rand(count, self.box.size, generator=generator) < SHAPED
            return torch.where(has, drawn, torch.full_like(drawn, without))

        affine = super().regimes(count, generator)
        power = shape(math.log(POWER[0]), math.log(POWER[1]), 0.0).exp()
        return torch.cat([affine, shape(*DEAD, 0.0), power, shape(*STALL, 1.0)], dim=-1)

    def effective(self, action: Tensor, regime: Tensor) -> Tensor:
        """See :class:`~crl.adaptation.identification.simulator.RegimeSimulator`."""
        size, half = self.box.size, self.box.half.to(action)
        affine, dead, power, stall = regime.split([regime.shape[-1] - 3 * size, size, size, size], dim=-1)
        share = action / half
        effect = (share.abs() - dead).clamp_min(0) ** power
        fallen = stall * (1 - 0.8 * (effect - stall) / (1 - stall).clamp_min(1e-6))
        effect = torch.where((stall < 1) & (effect > stall), fallen, effect)
        return super().effective(share.sign() * effect * half, affine)
