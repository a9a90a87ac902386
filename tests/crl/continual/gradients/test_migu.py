"""MIGU: which units are chosen, and that no other weight of the trunk moves."""

from __future__ import annotations

import torch

from crl.checks.regression import loss_on, rows_of
from crl.continual.gradients.migu import largest
from crl.dynamics.network import TargetNetwork
from tests.crl.continual.trials import learn, network_of, strategy_of


def test_the_largest_are_chosen_in_every_row() -> None:
    sizes = torch.tensor([[1.0, 4.0, 2.0, 3.0], [9.0, 0.0, 5.0, 1.0]])
    assert largest(sizes, 0.5).tolist() == [[False, True, False, True], [True, False, True, False]]
    assert largest(sizes, 0.0).sum(dim=1).tolist() == [1, 1]


def test_a_step_moves_the_weights_into_the_units_with_the_largest_outputs_alone() -> None:
    network = TargetNetwork(2, [8, 6], 2, ensemble=2)
    strategy = strategy_of("migu", network=network, options={"migu_share": 0.5})
    learn(strategy, 0, 5, end=False)
    host, rows = network_of(strategy), rows_of(0, 77)
    before = strategy.weights(0)
    seen = network.layer_inputs(before, rows.observation.unsqueeze(0))
    strategy.step(loss_on(strategy, 0, rows))
    moved = strategy.weights(0) != before
    for layer, units in enumerate((8, 6)):
        sizes = seen[layer + 1].abs().mean(dim=1)
        for member in range(2):
            chosen = set(sizes[member].topk(units // 2).indices.tolist())
            matrix, bias = network.unpack(moved)[layer]
            assert set(torch.nonzero(matrix[member].any(dim=0)).flatten().tolist()) <= chosen
            assert set(torch.nonzero(bias[member, 0]).flatten().tolist()) == chosen
    assert bool(moved[len(host.trunk) :].any()), "the head learns as a whole"
