"""The diagonal Fisher information against Jacobians taken output by output."""

from __future__ import annotations

import pytest
import torch

from crl.continual.penalties.fisher import CHUNK, diagonal_fisher
from crl.dynamics.network import TargetNetwork


@pytest.mark.parametrize("members", [1, 2])
def test_it_is_the_mean_squared_jacobian(members: int) -> None:
    network = TargetNetwork(2, [4], 3, ensemble=members)
    weights = network.initial(torch.Generator().manual_seed(0))
    few = torch.randn(3, 2, generator=torch.Generator().manual_seed(1))
    exact = torch.zeros_like(weights)
    for x in few:
        jacobian = torch.autograd.functional.jacobian(
            lambda w, x=x: network.forward(w, x.view(1, 1, -1))[:, 0], weights
        )
        exact += jacobian.square().sum(dim=(0, 1)) / len(few)
    many = few.repeat(4000, 1)  # the projections average out over repeated inputs
    found = diagonal_fisher(network, weights, many, torch.Generator().manual_seed(2))
    torch.testing.assert_close(found, exact, rtol=0.1, atol=1e-3)


def test_chunks_make_no_difference() -> None:
    network = TargetNetwork(2, [4], 1)
    weights = network.initial(torch.Generator().manual_seed(0))
    inputs = torch.randn(CHUNK + 7, 2, generator=torch.Generator().manual_seed(1))
    together = diagonal_fisher(network, weights, inputs, torch.Generator().manual_seed(2))
    signs = torch.randn(len(inputs), 1, 1, generator=torch.Generator().manual_seed(2))
    one_by_one = torch.zeros_like(weights)
    for x, z in zip(inputs, signs, strict=True):
        leaf = weights.clone().requires_grad_()
        (network.forward(leaf, x.view(1, 1, -1)) * z).sum().backward()
        one_by_one += leaf.grad.square() / len(inputs)
    torch.testing.assert_close(together, one_by_one)


def test_a_unit_that_reads_nothing_has_none() -> None:
    network = TargetNetwork(2, [4], 1, activation="relu")
    weights = network.initial(torch.Generator().manual_seed(0))
    matrix, bias = network.unpack(weights)[0]
    matrix[0, :, 1] = 0.0
    bias[0, 0, 1] = -1.0  # this unit never fires
    fisher = diagonal_fisher(network, weights, torch.randn(50, 2), torch.Generator().manual_seed(2))
    unit = network.unpack(fisher)[0][0][0, :, 1]
    assert float(unit.abs().max()) == 0.0
    assert float(fisher.max()) > 0
