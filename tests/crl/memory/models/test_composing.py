"""A context folded into a first layer, also where the command of the step before is read."""

from __future__ import annotations

import torch
from torch import Tensor

from crl.dynamics.network import TargetNetwork
from crl.memory.models.base_model import BaseModel
from crl.memory.models.composing import as_effective, composed, turned
from crl.memory.models.steps import Steps

MEAN, STD = torch.tensor([0.3, -0.2, 0.1, 0.5, -0.4]), torch.tensor([2.0, 0.5, 3.0, 0.7, 1.5])
MATRIX, BIAS = torch.tensor([[0.8, 0.2], [-0.3, -0.9]]), torch.tensor([0.1, -0.2])


def effective(action: Tensor) -> Tensor:
    """An affine map with couplings and biases."""
    return action @ MATRIX.T + BIAS


def base_model(members: int) -> BaseModel:
    """Reads a level, the command before and the action, each with a mean and a deviation of its own."""
    network = TargetNetwork(5, [8, 6], 3, ensemble=members)
    weights = torch.randn(network.size, generator=torch.Generator().manual_seed(members))
    return BaseModel(network, weights, lambda seen, sent: (torch.cat([seen, sent], -1) - MEAN) / STD, torch.ones(3), 3)


def test_a_folded_context_changes_what_is_read_of_action_and_command_before() -> None:
    generator = torch.Generator().manual_seed(0)
    steps = Steps(*(torch.randn(20, size, generator=generator) for size in (3, 2, 3)))
    for members in (1, 3):
        base = base_model(members)
        for command in ([1, 2], []):
            inner = as_effective(steps, effective, command)
            assert torch.equal(inner.observation[:, 0], steps.observation[:, 0])
            expected = base.predict(base.weights.unsqueeze(0), inner.observation, inner.action)
            weights = composed(base, base.weights, turned(base, effective, 2, command)).unsqueeze(0)
            assert torch.allclose(base.predict(weights, steps.observation, steps.action), expected, atol=1e-4)


def test_the_nominal_context_changes_nothing() -> None:
    base = base_model(1)
    turns = turned(base, lambda sent: sent, 2, [1, 2])
    assert len(turns) == 2
    assert torch.allclose(composed(base, base.weights, turns), base.weights, atol=1e-6)


def test_what_is_remembered_between_the_commands_is_left_alone() -> None:
    network, remembered = TargetNetwork(7, [8, 6], 3), 2
    weights = torch.randn(network.size, generator=torch.Generator().manual_seed(5))

    def read(seen: Tensor, sent: Tensor) -> Tensor:
        return torch.cat([seen, sent], -1) * torch.linspace(0.5, 2.0, 7) + 0.1

    base = BaseModel(network, weights, read, torch.ones(3), 5, remembered)
    generator = torch.Generator().manual_seed(0)
    steps = Steps(*(torch.randn(20, size, generator=generator) for size in (5, 2, 3)))
    inner = as_effective(steps, effective, [1, 2])
    expected = base.predict(base.weights.unsqueeze(0), inner.observation, inner.action)
    folded = composed(base, base.weights, turned(base, effective, 2, [1, 2])).unsqueeze(0)
    assert torch.allclose(base.predict(folded, steps.observation, steps.action), expected, atol=1e-4)
