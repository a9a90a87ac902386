"""The Gaussian head: soft bounds and the likelihood of ``torch.distributions``."""

from __future__ import annotations

import pytest
import torch

from crl.dynamics import gaussian


def test_the_likelihood_is_that_of_a_normal_distribution() -> None:
    mean, target = torch.randn(2, 5, 3, dtype=torch.float64), torch.randn(2, 5, 3, dtype=torch.float64)
    log_variance = torch.randn(2, 5, 3, dtype=torch.float64)
    expected = -torch.distributions.Normal(mean, (log_variance / 2).exp()).log_prob(target).mean()
    assert float(gaussian.negative_log_likelihood(mean, log_variance, target)) == pytest.approx(float(expected), 1e-12)


def test_the_best_variance_is_the_mean_squared_error() -> None:
    target = 0.3 * torch.randn(10_000, 1, dtype=torch.float64)
    candidates = torch.linspace(-6, 2, 801, dtype=torch.float64)
    losses = [
        gaussian.negative_log_likelihood(torch.zeros_like(target), c.expand_as(target), target) for c in candidates
    ]
    best = candidates[int(torch.stack(losses).argmin())]
    assert float(best) == pytest.approx(float(target.square().mean().log()), abs=0.01)


def test_log_variances_stay_between_the_bounds_and_keep_their_order() -> None:
    bounds = gaussian.initial_bounds(1)
    raw = torch.linspace(-1e3, 1e3, 2001, dtype=torch.float64).unsqueeze(-1)
    bounded = gaussian.bounded(raw, bounds)
    # The second of the two soft bounds lifts the first by softplus(min - max) = 3e-5.
    assert -10 <= float(bounded.min()) < -9.99
    assert 0.49 < float(bounded.max()) < 0.5001
    assert (bounded.diff(dim=0) >= 0).all()
    middle = torch.tensor([[-5.0]], dtype=torch.float64)
    assert float(gaussian.bounded(middle, bounds)) == pytest.approx(-5, abs=0.02)


def test_every_log_variance_has_a_gradient_that_is_finite() -> None:
    raw = torch.tensor([[-1e3], [-10.0], [0.0], [0.5], [1e3]], requires_grad=True)
    gaussian.bounded(raw, gaussian.initial_bounds(1)).sum().backward()
    assert torch.isfinite(raw.grad).all()
    assert (raw.grad[1:4] > 0).all()


def test_the_penalty_pulls_the_bounds_together() -> None:
    bounds = gaussian.initial_bounds(3).requires_grad_()
    penalty = gaussian.bounds_penalty(bounds)
    assert penalty.item() == pytest.approx(0.01 * 3 * 10.5)
    penalty.backward()
    torch.testing.assert_close(bounds.grad, torch.tensor([[-0.01] * 3, [0.01] * 3]))
