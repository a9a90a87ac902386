"""Steps of the nominal body as bodies with random regimes would have made them.

A body that executes M a + b makes, on the command that solves M a + b = u, the change which the nominal body makes
on u. Steps whose command would lie outside the box are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.identification.simulator import ChannelRegimes
from crl.adaptation.nominal_model import NominalModel, replaced
from crl.config import Config
from crl.dynamics.body import Body
from crl.dynamics.buffer import Buffer
from crl.seeding import torch_generator
from crl.types import ActionSpec

DRAWS = 8
"""Regimes that are drawn for every step."""


@dataclass(frozen=True)
class _Regimes:
    """One regime for each of N steps: M [N, A, A], b [N, A] and their parameters' deviation from nominal [N, P]."""

    matrix: Tensor
    bias: Tensor
    deviation: Tensor
    box: Box

    def causes(self, nominal: Tensor) -> tuple[Tensor, Tensor]:
        """Commands [N, A] that amount to nominal ones [N, A], and which of them the body can execute, bool [N]."""
        half = self.box.half
        wanted = nominal / half - self.bias
        command = torch.linalg.solve(self.matrix, wanted.unsqueeze(-1))[..., 0] * half
        inside = (torch.isfinite(command) & (command >= self.box.low) & (command <= self.box.high)).all(dim=-1)
        return command, inside


def randomised(config: Config, body: Body, action: ActionSpec, steps: Buffer) -> Buffer:
    """Steps with other commands, for a model of all those bodies at once (domain randomisation).

    Args:
        config: Structure and ranges of the regimes, and the seed.
        body: What is read.
        action: Elements of the action.
        steps: Steps of the nominal body.
    """
    seen, commands, _ = steps.tensors()
    kept, found = [], []
    for regimes in _drawn(config, body, action, seen):
        command, inside = regimes.causes(commands)
        kept.append(torch.nonzero(inside)[:, 0])
        found.append(command[inside])
    return steps.under(torch.cat(kept).numpy(), torch.cat(found).numpy())


def with_contexts(config: Config, body: Body, action: ActionSpec, steps: Buffer) -> Buffer:
    """The same, for a model that is told of the body: observations end with the context of their row, [S + P].

    The command of the step before, where it is observed, is the one that such a body would have been given.

    Args:
        config: Structure and ranges of the regimes, and the seed.
        body: What is read of the nominal body.
        action: Elements of the action.
        steps: Steps of the nominal body.
    """
    seen, commands, after = steps.tensors()
    kept, found, shown = [], [], []
    for regimes in _drawn(config, body, action, seen):
        command, inside = regimes.causes(commands)
        observation = seen
        if body.command:
            before, possible = regimes.causes(seen[:, body.command])
            observation, inside = replaced(seen, body.command, before), inside & possible
        kept.append(torch.nonzero(inside)[:, 0])
        found.append(command[inside])
        shown.append(torch.cat([observation, regimes.deviation], dim=-1)[inside])
    index = torch.cat(kept).numpy()
    told = torch.cat(shown)
    reached = torch.cat([after[index], told[:, body.size :]], dim=-1)
    return Buffer.apart(told.numpy(), torch.cat(found).numpy(), reached.numpy(), steps.column("reward")[index])


def _drawn(config: Config, body: Body, action: ActionSpec, seen: Tensor) -> Iterator[_Regimes]:
    """Regimes for steps from observations [N, S], again and again."""
    generator = torch_generator(config.seed, "randomised")
    box = Box.of(action)
    nothing = NominalModel(lambda _, a: a)
    simulated = ChannelRegimes(config.flow, nothing, box, body.encode(seen), body.scale_floor)
    channels = simulated.channels
    for _ in range(DRAWS):
        drawn = simulated.regimes(len(seen), generator)
        deviation = (drawn.double() - channels.nominal).float()
        yield _Regimes(channels.matrix(drawn), channels.bias(drawn), deviation, box)
