"""Variational continual learning: the divergence against PyTorch's, and what the prior holds."""

from __future__ import annotations

import torch
from torch.distributions import Normal, kl_divergence

from crl.continual.generators.vcl import VCL, divergence
from tests.crl.continual.trials import error, learn, strategy_of


def test_the_divergence_is_that_of_gaussians() -> None:
    mean, log_std, prior_mean, prior_log_std = torch.randn(4, 50, generator=torch.Generator().manual_seed(0))
    expected = kl_divergence(Normal(mean, log_std.exp()), Normal(prior_mean, prior_log_std.exp())).sum()
    torch.testing.assert_close(divergence(mean, log_std, prior_mean, prior_log_std), expected)


def test_weights_are_drawn_in_a_step_and_only_there() -> None:
    strategy = strategy_of("vcl", options={"vcl_std": 0.5})
    assert isinstance(strategy, VCL)
    strategy.begin_task(0)
    seen: list[torch.Tensor] = []

    def loss(weights: torch.Tensor) -> torch.Tensor:
        seen.append(weights.detach())
        return 0.0 * weights.sum()

    for _ in range(200):
        strategy.step(loss)
    size = len(strategy.trunk)
    drawn = torch.stack(seen)[:, :size]
    torch.testing.assert_close(drawn.std(dim=0).mean(), torch.tensor(0.5), atol=0.02, rtol=0)
    torch.testing.assert_close(strategy.weights(0)[:size], strategy.trunk.detach())


def test_the_prior_keeps_what_is_lost_without_it() -> None:
    lost = []
    for strength in (0.0, 1e-2):
        strategy = strategy_of("vcl", options={"vcl_strength": strength})
        learn(strategy, 0, 250)
        before = error(strategy, 0)
        learn(strategy, 2, 250)
        lost.append(error(strategy, 0) - before)
    assert lost[1] < 0.5 * lost[0]
