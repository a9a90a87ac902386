"""Dormant units and effective rank against cases where both are known."""

from __future__ import annotations

import math

import pytest
import torch

from crl.dynamics.network import TargetNetwork
from crl.dynamics.plasticity import dormant_units, effective_rank, plasticity


def test_a_unit_is_dormant_relative_to_its_layer() -> None:
    layer = torch.ones(1, 10, 4)
    layer[..., 0] = 0.01  # its layer's mean activity is 0.7525
    layer[..., 1] = -1.0  # activity counts, not its sign
    assert dormant_units([layer]) == 0.25
    assert dormant_units([100 * layer]) == 0.25, "scale makes no difference"
    assert dormant_units([layer], threshold=0.001) == 0.0
    assert dormant_units([layer, torch.ones(1, 10, 12)]) == 1 / 16
    assert dormant_units([torch.zeros(2, 5, 3)]) == 1.0, "a silent layer is dormant wholly"


def test_members_of_an_ensemble_have_layers_of_their_own() -> None:
    layer = torch.ones(2, 10, 4)
    layer[1] *= 1e-3  # as a whole quieter than the other member, but alive
    assert dormant_units([layer]) == 0.0


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_the_effective_rank_of_orthogonal_features_is_their_number(rank: int) -> None:
    features = torch.zeros(20, 8)
    features[:rank, :rank] = torch.eye(rank)
    assert effective_rank(features) == pytest.approx(rank)


def test_the_effective_rank_weighs_small_directions_less() -> None:
    lengths = torch.tensor([4.0, 1.0, 1.0])
    share = lengths / 6
    expected = math.exp(-float((share * share.log()).sum()))
    assert effective_rank(torch.diag(lengths)) == pytest.approx(expected)
    assert 1 < expected < 3
    assert effective_rank(torch.zeros(5, 3)) == 0.0


def test_the_state_of_a_network_is_that_of_its_hidden_layers() -> None:
    network = TargetNetwork(3, [6, 5], 2, activation="relu", ensemble=2)
    weights = network.initial(torch.Generator().manual_seed(0))
    layers = network.unpack(weights)
    for matrix, bias in layers[:2]:
        matrix[0, :, 0] = 0.0
        bias[0, 0, 0] = -1.0  # one unit per layer of the first member never fires
    inputs = torch.randn(64, 3, generator=torch.Generator().manual_seed(1))
    state = plasticity(network, weights, inputs)
    assert state is not None
    alive = network.layer_inputs(weights, inputs.unsqueeze(0))[1:-1]
    assert state.dormant_units == dormant_units(alive) >= 2 / 22
    assert state.effective_rank == pytest.approx(sum(effective_rank(member) for member in alive[1]) / 2)
    assert state.effective_rank_share == pytest.approx(state.effective_rank / 5)


def test_a_broken_network_has_no_state() -> None:
    network = TargetNetwork(3, [6], 2)
    weights = network.initial(torch.Generator().manual_seed(0))
    weights[0] = math.nan
    assert plasticity(network, weights, torch.ones(4, 3)) is None
