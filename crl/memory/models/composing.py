"""A context folded into a network's weights: the network then reads the command that the context makes of its own.

Contexts are affine in the command, and so is what the first layer makes of it. So a network under a context is again a
network of the same shape: planners, recall and learning need not know of contexts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

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
    def by(cls, base: BaseModel, effective: Effective, size: int) -> Turned:
        """That of effective commands of ``size`` elements; the base reads actions last."""
        actions = torch.cat([torch.zeros(1, size), torch.eye(size)])
        observation = torch.zeros(size + 1, base.reads)
        plain = base.read(observation, actions)[:, -size:].double()
        other = base.read(observation, effective(actions))[:, -size:].double()
        # Columns are what one unit of an action adds.
        turn = (other[1:] - other[0]).T @ torch.linalg.inv((plain[1:] - plain[0]).T)
        return cls(turn.float(), (other[0] - turn @ plain[0]).float())


def composed(base: BaseModel, weights: Tensor, turned: Turned, lags: int) -> Tensor:
    """Weights [P] of a network that does with an action what the one with ``weights`` does with its effective command.

    Args:
        base: The network, and what it reads: the actions last, the command of the step before in front of them.
        weights: Weights, [P].
        turned: What the effective command is, as it is read.
        lags: Number of elements of the command before among what is read: 0, or that of an action.
    """
    size = len(turned.shift)
    fan_in, fan_out = base.network.layers[0]
    members = base.network.ensemble
    count = members * fan_in * fan_out
    matrix = weights[:count].reshape(members, fan_in, fan_out).clone()
    bias = weights[count : count + members * fan_out].reshape(members, fan_out).clone()
    for start in range(fan_in - size - lags, fan_in, size):
        part = matrix[:, start : start + size]
        bias += turned.shift @ part
        matrix[:, start : start + size] = turned.turn.T @ part
    return torch.cat([matrix.flatten(), bias.flatten(), weights[count + members * fan_out :]])


def as_effective(steps: Steps, effective: Effective, command: Sequence[int]) -> Steps:
    """Transitions whose actions, and commands before, are the effective ones."""
    observation = steps.observation
    if command:
        at = list(command)
        observation = observation.clone()
        observation[..., at] = effective(steps.observation[..., at])
    return Steps(observation, effective(steps.action), steps.change)
