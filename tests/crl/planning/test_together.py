"""Rollouts of several models at once are those of each."""

from __future__ import annotations

import pytest
import torch

from crl.planning.rollout import Rollout
from crl.planning.together import RolloutsTogether
from tests.crl.dynamics.test_model import SPECS, observations, trained


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("ensemble", [1, 3])
@pytest.mark.parametrize(
    ("hidden", "precision", "error"), [([6], "float32", 1e-5), ([6, 5, 4], "float32", 1e-5), ([6, 5], "bfloat16", 2e-2)]
)
def test_trajectories_are_those_of_each_model(
    name: str, ensemble: int, hidden: list[int], precision: str, error: float
) -> None:
    model, _, normalisers, _ = trained(name, ensemble=ensemble, hidden=hidden, precision=precision)
    generator = torch.Generator().manual_seed(2)
    rollouts = [Rollout(model, torch.randn(model.network.size, generator=generator) / 2, normalisers) for _ in range(3)]
    starts = torch.stack([observations(name, seed=seed).float() for seed in range(3)])
    actions = torch.rand(3, 9, 6, 2, generator=generator) * 2 - 1
    found = RolloutsTogether(rollouts)(starts, actions)
    for rollout, start, own, trajectory in zip(rollouts, starts, actions, found, strict=True):
        torch.testing.assert_close(trajectory, rollout(start, own), rtol=error, atol=error)
    assert not torch.allclose(found[0, :, 1:], found[1, :, 1:], atol=1e-3)
