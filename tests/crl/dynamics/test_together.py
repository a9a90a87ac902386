"""Losses of several models at once are those of each."""

from __future__ import annotations

import pytest
import torch

from crl.config import DynamicsConfig
from crl.dynamics.model import DynamicsModel, Normalisers
from crl.dynamics.together import losses_together
from crl.dynamics.windows import Windows
from crl.types import ActionSpec, ObservationField, ObservationSpec


def several(model: DynamicsModel, count: int) -> tuple[list[torch.Tensor], list[Normalisers], list[Windows]]:
    """Weights, normalisers and rows of models that have nothing in common but their shape."""
    weights, scales, rows = [], [], []
    for seed in range(count):
        generator = torch.Generator().manual_seed(seed)
        weights.append(model.network.initial(generator).requires_grad_())
        observation = 2 * torch.randn(12, 2, generator=generator)
        actions = torch.randn(2, 12, 1, generator=generator)
        after = observation + (1 + seed) * 0.3 * torch.randn(2, 12, 2, generator=generator)
        normalisers = model.normalisers()
        normalisers.features.update(model.features.encode(observation))
        normalisers.actions.update(actions[0])
        normalisers.changes.update(model.features.change(observation, after[0]))
        scales.append(normalisers)
        rows.append(Windows(observation, actions, after))
    return weights, scales, rows


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("loss", ["mse", "smooth_l1"])
def test_losses_and_gradients_are_those_of_each_model(members: int, loss: str) -> None:
    fields = (ObservationField("angle", "rad", "angle"), ObservationField("rate", "rad/s"))
    config = DynamicsConfig(hidden=[8, 8], ensemble=members, loss=loss, rollout=2)
    model = DynamicsModel(config, ObservationSpec(fields), ActionSpec(("push",), ("N",), (-1.0,), (1.0,)))
    weights, scales, rows = several(model, 3)
    losses, gradients = losses_together(model, weights, scales, rows)
    for at, (one, normalisers, windows) in enumerate(zip(weights, scales, rows, strict=True)):
        value = model.loss(one, normalisers, windows)
        (gradient,) = torch.autograd.grad(value, one)
        torch.testing.assert_close(losses[at], value.detach(), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(gradients[at], gradient, rtol=1e-4, atol=1e-6)
    assert len({round(float(value), 3) for value in losses}) == 3


def test_one_that_is_not_finite_spoils_no_other() -> None:
    fields = (ObservationField("x", "m"), ObservationField("v", "m/s"))
    model = DynamicsModel(
        DynamicsConfig(hidden=[8]), ObservationSpec(fields), ActionSpec(("push",), ("N",), (-1.0,), (1.0,))
    )
    weights, scales, rows = several(model, 3)
    with torch.no_grad():
        weights[1].fill_(torch.nan)
    losses, gradients = losses_together(model, weights, scales, rows)
    assert torch.isfinite(losses).tolist() == [True, False, True]
    assert torch.isfinite(gradients).all(dim=1).tolist() == [True, False, True]
