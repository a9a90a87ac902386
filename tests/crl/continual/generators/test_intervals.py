"""Interval arithmetic: whatever is drawn from the intervals comes out inside."""

from __future__ import annotations

import pytest
import torch

from crl.config import HypernetworkConfig
from crl.continual.generators.hyper.intervals import activated, generated, predicted
from crl.dynamics.hypernetwork import FullHypernetwork
from crl.dynamics.network import ACTIVATIONS, TargetNetwork

SLACK = 1e-5


def inside(found: torch.Tensor, interval: tuple[torch.Tensor, torch.Tensor]) -> bool:
    return bool(((found - interval[0]).abs() <= interval[1] + SLACK).all())


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_an_activation_makes_the_smallest_interval_that_holds_all(activation: str) -> None:
    centre, radius = torch.linspace(-4, 4, 41), torch.full((41,), 0.7)
    low, high = (side for side in (centre - radius, centre + radius))
    points = low + (high - low) * torch.linspace(0, 1, 2001).unsqueeze(1)
    values = ACTIVATIONS[activation](points)
    found = activated(activation, (centre, radius))
    torch.testing.assert_close(found[0] - found[1], values.min(dim=0).values, atol=1e-4, rtol=0)
    torch.testing.assert_close(found[0] + found[1], values.max(dim=0).values, atol=1e-4, rtol=0)


def test_what_is_drawn_comes_out_inside() -> None:
    source = torch.Generator().manual_seed(0)
    network = TargetNetwork(2, [5, 4], 2, ensemble=2)
    hypernetwork = FullHypernetwork(HypernetworkConfig(embedding=3, hidden=[6, 5], init="xavier"), network)
    parameters = hypernetwork.initial(source)
    embedding, inputs = torch.randn(1, 3, generator=source), torch.randn(2, 7, 2, generator=source)
    within = generated(hypernetwork, parameters, (embedding, torch.full((1, 3), 0.2)))
    outputs = predicted(network, (within[0][0], within[1][0]), inputs)
    assert float(outputs[1].mean()) < 10  # it says something
    for _ in range(200):
        drawn = embedding + 0.4 * (torch.rand(1, 3, generator=source) - 0.5)
        weights = hypernetwork.generate(parameters, drawn)
        assert inside(weights, within)
        assert inside(network.forward(weights[0], inputs), outputs)
