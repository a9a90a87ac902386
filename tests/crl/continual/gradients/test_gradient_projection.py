"""Gradient projection: bases against a plain construction, and responses to old inputs that stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.checks.regression import rows_of
from crl.continual.gradients.gradient_projection import GradientProjection, extended
from crl.dynamics.network import TargetNetwork
from tests.crl.continual.trials import error, learn, part_of, strategy_of
from tests.crl.states import bits


def plain(basis: np.ndarray, inputs: np.ndarray, energy: float) -> int:
    """Directions that equation 9 asks for: add singular vectors of the residual until the share is held."""
    residual = inputs - inputs @ basis @ basis.T
    _, _, directions = np.linalg.svd(residual, full_matrices=False)
    count = 0
    while True:
        span = np.concatenate([basis, directions[:count].T], axis=1)
        if np.sum((inputs @ span) ** 2) >= energy * np.sum(inputs**2) - 1e-12:
            return count
        count += 1


@pytest.mark.parametrize("energy", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("known", [0, 2])
def test_the_basis_is_the_smallest_that_holds_the_energy(energy: float, known: int) -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(60, 7)) * np.array([5, 3, 2, 1, 0.5, 0.2, 0.1])
    basis = np.linalg.qr(random.normal(size=(7, known)))[0]
    found = extended(torch.from_numpy(basis), torch.from_numpy(inputs), energy).numpy()
    np.testing.assert_array_equal(found[:, :known], basis)
    np.testing.assert_allclose(found.T @ found, np.eye(found.shape[1]), atol=1e-9)
    assert found.shape[1] - known == plain(basis, inputs, energy)


def test_a_full_basis_takes_no_more() -> None:
    full = extended(torch.eye(3), torch.randn(10, 3), 1.0)
    assert full.shape == (3, 3)


@pytest.mark.parametrize("members", [1, 2])
def test_what_is_protected_wholly_does_not_change(members: int) -> None:
    """Inputs on a line leave room in a wide layer: with all their energy protected, old outputs stay."""
    network = TargetNetwork(2, [40], 2, ensemble=members)
    strategy = strategy_of("gradient_projection", network=network, energy=1.0, fisher_rows=20)
    learn(strategy, 0, 60, rows=20)
    seen = strategy.weights(0)
    inputs = rows_of(0, 500, count=20).observation.unsqueeze(0)
    before = network.forward(seen, inputs)
    basis = part_of(strategy, GradientProjection).bases["0 0"]
    assert basis.shape[1] == 3, "two inputs and the constant one: the first layer is full"
    learn(strategy, 1, 60)
    torch.testing.assert_close(network.forward(strategy.weights(0), inputs), before, atol=1e-4, rtol=1e-4)


def test_deeper_layers_learn_in_the_directions_that_are_left() -> None:
    network = TargetNetwork(2, [40, 40], 2)
    strategy = strategy_of("gradient_projection", network=network, energy=0.999, lr=3e-3)
    learn(strategy, 0, 400)
    first = error(strategy, 0)
    trunk = strategy.weights(0)[: -network.head_size]
    learn(strategy, 2, 400)
    assert error(strategy, 0) < first + 0.05
    moved = strategy.weights(0)[: -network.head_size]
    assert bits(moved) != bits(trunk), "the second layer still learns"
    assert error(strategy, 2) < 0.5


def test_every_step_is_orthogonal_to_the_protected_directions() -> None:
    network = TargetNetwork(2, [12, 12], 2, ensemble=2)
    strategy = strategy_of("gradient_projection", network=network, energy=0.9, heads="shared")
    bases = part_of(strategy, GradientProjection).bases
    learn(strategy, 0, 50)
    before = network.unpack(strategy.weights(0))
    learn(strategy, 1, 50, end=False)
    after = network.unpack(strategy.weights(1))
    for layer, ((matrix, bias), (old, old_bias)) in enumerate(zip(after, before, strict=True)):
        change = torch.cat([matrix - old, bias - old_bias], dim=1)
        for member in range(2):
            basis = bases[f"{layer} {member}"]
            assert basis.shape[1] > 0
            assert float((basis.T @ change[member]).abs().max()) < 1e-5


def test_more_energy_keeps_more_and_leaves_less_room() -> None:
    sizes = []
    for energy in (0.5, 0.9, 0.999):
        strategy = strategy_of("gradient_projection", energy=energy, network=TargetNetwork(2, [12, 12], 2))
        learn(strategy, 0, 50)
        sizes.append(strategy.storage().bytes_per_task)
    assert sizes[0] < sizes[1] < sizes[2]
