"""A context folded into a network's weights: the network then reads the command that the context makes of its own.

Contexts are affine in the command, and so is what the first layer makes of it. So a network under a context is again a
network of the same shape: planners, recall and learning need not know of contexts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from crl.adaptation.nominal_model import replaced
from crl.memory.models.base_model import BaseModel
from crl.memory.models.steps import Steps

Effective = Callable[[Tensor], Tensor]
"""Maps actions [N, A] to the commands [N, A] that they amount to; affine."""


@dataclass(frozen=True)
class Turned:
    """What a context makes of an action as a network reads it: x becomes T x + t.

    Attributes:
        turn: T, [A, A].
        shift: t, [A].
    """

    turn: Tensor
    shift: Tensor

    @classmethod
    def by(cls, read: Callable[[Tensor], Tensor], effective: Effective, size: int) -> Turned:
        """What effective commands of ``size`` elements are, by what ``read`` [N, A] of commands [N, A] is."""
        actions = torch.cat([torch.zeros(1, size), torch.eye(size)])
        plain, other = read(actions).double(), read(effective(actions)).double()
        # Columns are what one unit of an action adds.
        turn = (other[1:] - other[0]).T @ torch.linalg.inv((plain[1:] - plain[0]).T)
        return cls(turn.float(), (other[0] - turn @ plain[0]).float())


def turned(base: BaseModel, effective: Effective, size: int, command: Sequence[int]) -> tuple[Turned, ...]:
    """What is made of an action, and of the command of the step before if it is read.

    Args:
        base: What it reads: the actions last, the command before in front of them (and of what is remembered).
        effective: What actions amount to.
        size: Number A of elements of an action.
        command: Indices of the command before in an observation; empty: it is not observed.
    """

    def action(sent: Tensor) -> Tensor:
        return base.read(torch.zeros(len(sent), base.reads), sent)[:, -size:]

    def before(sent: Tensor) -> Tensor:
        observation = replaced(torch.zeros(len(sent), base.reads), list(command), sent)
        read = base.read(observation, torch.zeros_like(sent))
        end = read.shape[1] - size - base.remembered
        return read[:, end - size : end]

    reads = (action, before) if command else (action,)
    return tuple(Turned.by(read, effective, size) for read in reads)


def composed(base: BaseModel, weights: Tensor, turns: Sequence[Turned]) -> Tensor:
    """Weights [P] of a network that does with an action what the one with ``weights`` does with its effective command.

    Args:
        base: The network.
        weights: Weights, [P].
        turns: What is made of the action, and of the command before; see :func:`turned`.
    """
    fan_in, fan_out = base.network.layers[0]
    members = base.network.ensemble
    count = members * fan_in * fan_out
    matrix = weights[:count].reshape(members, fan_in, fan_out).clone()
    bias = weights[count : count + members * fan_out].reshape(members, fan_out).clone()
    end = fan_in
    for one in turns:
        start = end - len(one.shift)
        part = matrix[:, start:end]
        bias += one.shift @ part
        matrix[:, start:end] = one.turn.T @ part
        end = start - base.remembered
    return torch.cat([matrix.flatten(), bias.flatten(), weights[count + members * fan_out :]])


def as_effective(steps: Steps, effective: Effective, command: Sequence[int]) -> Steps:
    """Transitions whose actions, and commands before, are the effective ones."""
    observation = steps.observation
    if command:
        at = list(command)
        observation = replaced(observation, at, effective(observation[..., at]))
    return Steps(observation, effective(steps.action), steps.change)
