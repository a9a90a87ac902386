"""The target network against stacks of ``nn.Linear``."""

from __future__ import annotations

import math

import pytest
import torch

from crl.dynamics.network import TargetNetwork
from tests.oracles.target_network import members


@pytest.mark.parametrize("activation", ["silu", "relu", "elu", "tanh"])
@pytest.mark.parametrize("ensemble", [1, 3])
@pytest.mark.parametrize("hidden", [[4], [5, 4], [3, 3, 3]])
def test_each_member_is_an_ordinary_network(hidden: list[int], ensemble: int, activation: str) -> None:
    network = TargetNetwork(3, hidden, 2, activation=activation, ensemble=ensemble)
    weights = torch.randn(network.size, dtype=torch.float64)
    inputs = torch.randn(ensemble, 7, 3, dtype=torch.float64)
    plain = members(weights, [3, *hidden, 2], activation, ensemble)
    expected = torch.stack([member(x) for member, x in zip(plain, inputs, strict=True)])
    torch.testing.assert_close(network.forward(weights, inputs), expected, rtol=0, atol=1e-12)


def test_shared_inputs_reach_every_member() -> None:
    network = TargetNetwork(3, [4], 2, ensemble=3)
    weights, inputs = torch.randn(network.size), torch.randn(1, 7, 3)
    torch.testing.assert_close(
        network.forward(weights, inputs), network.forward(weights, inputs.expand(3, -1, -1).contiguous())
    )


def test_members_are_independent() -> None:
    """The gradient of one member's output touches that member's weights only, and together they touch all."""
    network = TargetNetwork(3, [4, 4], 2, ensemble=3)
    touched = []
    for member in range(3):
        weights = torch.randn(network.size).requires_grad_()
        network.forward(weights, torch.randn(3, 7, 3))[member].square().sum().backward()
        touched.append(weights.grad != 0)
    assert all(int(mask.sum()) == network.size // 3 for mask in touched)
    assert (touched[0].int() + touched[1] + touched[2] == 1).all()


def test_members_start_differently() -> None:
    network = TargetNetwork(3, [4], 2, ensemble=2)
    out = network.forward(network.initial(torch.Generator().manual_seed(0)), torch.randn(1, 7, 3))
    assert not torch.allclose(out[0], out[1])


def test_initial_weights_are_as_large_as_those_of_nn_linear() -> None:
    network = TargetNetwork(100, [50], 20, ensemble=2)
    (first, bias), (second, _) = network.unpack(network.initial(torch.Generator().manual_seed(0)))
    for part, fan_in in ((first, 100), (bias, 100), (second, 50)):
        assert float(part.abs().max()) <= 1 / math.sqrt(fan_in)
        assert float(part.std()) == pytest.approx(1 / math.sqrt(3 * fan_in), rel=0.1)
    assert torch.equal(
        network.initial(torch.Generator().manual_seed(0)), network.initial(torch.Generator().manual_seed(0))
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "selu"}, "activation 'selu' is unknown: use one of"),
        ({"ensemble": 0}, "ensemble must be at least 1"),
        ({"hidden": []}, "at least one hidden layer"),
    ],
)
def test_an_impossible_network_is_refused(changes: dict, message: str) -> None:
    given = {"inputs": 3, "hidden": [4], "outputs": 2} | changes
    with pytest.raises(ValueError, match=message):
        TargetNetwork(**given)
