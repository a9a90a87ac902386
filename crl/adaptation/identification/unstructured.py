"""Identification without a structure: a set encoder and a decoder that are networks, and an inverse that is searched.

As :class:`~crl.adaptation.identification.learned.LearnedIdentifier`, without its ridge regression on (1, command),
without the linear part of its decoder, and without an affine inverse. It is trained on
:class:`~crl.adaptation.identification.broad.BroadRegimes`. Encoder: Zaheer et al., *Deep Sets*, 2017.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration
from crl.adaptation.identification.learned import LearnedIdentifier
from crl.adaptation.identification.transitions import Window
from crl.adaptation.nominal_model import NominalModel
from crl.config.sections.flow import FlowConfig
from crl.dynamics.network import TargetNetwork
from crl.seeding import torch_generator

CANDIDATES = 500
"""Most commands that a round of the search tries."""
ROUNDS = 2
"""Rounds of the search; each is on a finer grid around the best command of the one before."""
ROWS = 256
"""Commands that are searched for at a time."""
NEAR = 1e-3
"""Weight of the distance to the command itself: of two commands with one effect the nearer one is taken."""


class UnstructuredIdentifier(LearnedIdentifier):
    """A set encoder with a decoder, both networks; call :meth:`fit` or :meth:`load_state_dict` before use."""

    KIND = "unstructured"

    def __init__(
        self, config: FlowConfig, box: Box, nominal: NominalModel, calibration: Calibration, seed: int = 0
    ) -> None:
        super().__init__(config, box, nominal, calibration, seed)
        encoder = config.encoder
        self.features_size = encoder.context
        self._whole = TargetNetwork(encoder.hidden[-1] + 1, encoder.hidden, encoder.context)
        generator = torch_generator(seed, "unstructured-encoder")
        self._weights = [net.initial(generator) for net in (self._each, self._whole, self._decoder)]
        count = max(3, int(CANDIDATES ** (1 / box.size)))
        axis = torch.linspace(-1, 1, count)
        self._grid = torch.tensor(list(itertools.product(axis.tolist(), repeat=box.size)))
        self._finer = 2 / (count - 1)

    def features(self, context: Tensor) -> Tensor:
        """The context (as asinh)."""
        return torch.asinh(context)

    def inverse_command(self, command: Tensor, context: Tensor) -> Tensor:
        """See :class:`Identifier`: the command inside the box whose effect is nearest, by search on grids."""
        wanted, flat = command.reshape(-1, self._box.size), context.reshape(-1, self.size)
        flat = flat.expand(len(wanted), -1)
        parts = zip(wanted.split(ROWS), flat.split(ROWS), strict=True)
        return torch.cat([self._searched(*part) for part in parts]).view(command.shape)

    def _searched(self, wanted: Tensor, context: Tensor) -> Tensor:
        box, half = self._box, self._box.half.to(wanted)
        best, width = box.middle.to(wanted).expand(len(wanted), -1), 1.0
        repeated = context.unsqueeze(1).expand(-1, len(self._grid), -1)
        for _ in range(ROUNDS):
            tried = box.clip(best.unsqueeze(1) + width * half * self._grid)
            error = ((self.effective(tried, repeated) - wanted.unsqueeze(1)) / half).square().sum(dim=-1)
            away = ((tried - wanted.unsqueeze(1)) / half).square().sum(dim=-1)
            chosen = (error + NEAR * away).argmin(dim=1)
            best, width = tried[torch.arange(len(wanted)), chosen], width * self._finer
        return best

    def _encode(self, window: Window, difference: Tensor, rest: Tensor) -> Tensor:
        pooled, steps = self._pooled(window, difference, rest)
        return self._whole.forward(self._weights[1], torch.cat([pooled, steps], dim=-1).unsqueeze(0))[0]

    def _decode(self, action: Tensor, context: Tensor, *, raw: bool = False) -> Tensor:
        out = self._nonlinear(action, context)
        return out if raw else self._unscaled(out)
