"""Simulated regimes: what a flow and a learned identifier are trained on.

:class:`RegimeSimulator` is the plug-in: any function (action, regime) -> transition will do, a physics engine or a
learned model. :class:`ChannelRegimes` is the one that needs nothing but a nominal model: it changes what the body
makes of its commands, over a range that is wider than what a robot is later tested with, and continuous.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration
from crl.adaptation.identification.channels import Channels
from crl.adaptation.identification.transitions import Window
from crl.adaptation.nominal_model import NominalModel, extended, replaced
from crl.config.sections.flow import FlowConfig


@runtime_checkable
class RegimeSimulator(Protocol):
    """A body whose regime can be chosen.

    Attributes:
        box: The action box.
        scale: Size of each element of a change that matters equally, [D].
        lags: Indices of the command before in an observation; empty if it is not observed. In what
            :meth:`changed` is given, it is the nominal command that the one before amounted to.
    """

    box: Box
    scale: Tensor
    lags: list[int]

    def observations(self, count: int, generator: torch.Generator) -> Tensor:
        """Observations [count, S] as they occur."""
        ...

    def regimes(self, count: int, generator: torch.Generator) -> Tensor:
        """Descriptions of regimes, one per row, [count, G]; their meaning is the simulator's own."""
        ...

    def nominal(self, observation: Tensor, action: Tensor) -> Tensor:
        """Changes [N, D] of the nominal body, for [N, S] and [N, A]."""
        ...

    def changed(self, observation: Tensor, action: Tensor, regime: Tensor) -> Tensor:
        """Changes [N, D] under regimes [N, G]."""
        ...

    def effective(self, action: Tensor, regime: Tensor) -> Tensor:
        """Nominal commands [N, A] that actions [N, A] amount to under regimes."""
        ...


class ChannelRegimes:
    """Regimes u = M a + b of a body that is otherwise its nominal model.

    Gains are log-uniform in [``gain_low``, ``gain_high``] with either sign; a quarter of them are 1, and three
    quarters in every other regime, since one fault seldom changes all channels. Half the
    matrices of a full structure are turned (random orthogonal) or coupled, half the biases are 0.

    Args:
        config: Structure and ranges.
        nominal: The nominal model.
        box: The action box.
        seen: Observations [N, S] to draw from, for instance those of the nominal data.
        scale: Size of each element of a change that matters equally, [D].
    """

    def __init__(self, config: FlowConfig, nominal: NominalModel, box: Box, seen: Tensor, scale: Tensor) -> None:
        self.box = box
        self.scale = scale
        self._config = config
        self._model = nominal
        self._seen = seen
        self.lags = nominal.lags
        self.channels = Channels(config.identification.structure, box)

    def observations(self, count: int, generator: torch.Generator) -> Tensor:
        """See :class:`RegimeSimulator`."""
        return self._seen[torch.randint(self._seen.shape[0], (count,), generator=generator)]

    def regimes(self, count: int, generator: torch.Generator) -> Tensor:
        """Parameters of the structure, [count, P]."""
        size, config = self.box.size, self._config

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator)

        low, high = math.log(config.simulation.gain_low), math.log(config.simulation.gain_high)
        gains = torch.exp(low + (high - low) * uniform(count, size))
        gains = torch.where(uniform(count, size) < 0.5, -gains, gains)
        ones = torch.where(uniform(count, 1) < 0.5, 0.25, 0.75)
        gains = torch.where(uniform(count, size) < ones, torch.ones_like(gains), gains)
        parts = [gains]
        if self.channels.full:
            turned, _ = torch.linalg.qr(torch.randn(count, size, size, generator=generator))
            coupled = torch.eye(size) + 0.5 * torch.randn(count, size, size, generator=generator)
            kind = uniform(count, 1, 1)
            other = torch.where(kind < 0.25, turned, torch.where(kind < 0.5, coupled, torch.eye(size)))
            parts = [(other @ torch.diag_embed(gains)).flatten(1)]
        if self.channels.biased:
            bias = config.simulation.bias * (2 * uniform(count, size) - 1)
            parts.append(torch.where(uniform(count, 1) < 0.5, torch.zeros(1), bias))
        return torch.cat(parts, dim=-1)

    def nominal(self, observation: Tensor, action: Tensor) -> Tensor:
        """See :class:`RegimeSimulator`; continued linearly beyond the box."""
        return extended(self._model, observation, action, self.box)

    def changed(self, observation: Tensor, action: Tensor, regime: Tensor) -> Tensor:
        """See :class:`RegimeSimulator`."""
        return self.nominal(observation, self.effective(action, regime))

    def effective(self, action: Tensor, regime: Tensor) -> Tensor:
        """See :class:`RegimeSimulator`."""
        return self.channels.effective(action, regime)


def simulated_windows(
    simulator: RegimeSimulator, regime: Tensor, steps: int, calibration: Calibration, generator: torch.Generator
) -> Window:
    """A window of ``steps`` transitions for each regime [R, G], of which 2 to ``steps`` count.

    Commands have a mean and a spread of their own in each window, as a planner's have; changes carry the noise of
    the nominal residuals.
    """
    count, size, box = regime.shape[0], simulator.box.size, simulator.box
    mean = 2 * torch.rand(count, 1, size, generator=generator) - 1
    spread = torch.rand(count, 1, 1, generator=generator)
    scaled = (1 - spread) * mean + spread * (2 * torch.rand(count, steps, size, generator=generator) - 1)
    amplitude = 0.15 + 0.85 * torch.rand(count, 1, 1, generator=generator)
    action = box.middle + box.half * amplitude * scaled
    observation = simulator.observations(count * steps, generator)
    repeated = regime.repeat_interleave(steps, dim=0)
    executed = observation
    if simulator.lags:  # what was sent before is observed; what the body did of it decides
        sent = torch.cat([action[:, :1], action[:, :-1]], dim=1).flatten(0, 1)
        executed = replaced(observation, simulator.lags, box.clip(simulator.effective(sent, repeated)))
        observation = replaced(observation, simulator.lags, sent)
    change = simulator.changed(executed, action.flatten(0, 1), repeated)
    white = torch.randn(change.shape, generator=generator, dtype=torch.float64)
    noise = calibration.mean + white @ torch.linalg.inv(calibration.whitener).mT
    valid = torch.randint(min(2, steps), steps + 1, (count, 1), generator=generator)
    weight = (torch.arange(steps) < valid).float()
    shape = (count, steps, -1)
    return Window(observation.view(shape), action, (change + noise.to(change)).view(shape), weight)
