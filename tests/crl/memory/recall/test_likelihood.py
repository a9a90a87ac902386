"""Recall: posterior, absolute fit, informative transitions."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from crl.memory.models.units import Units, mean_square
from crl.memory.recall.likelihood import FIT, FREEDOM, limit_log_likelihood, log_likelihood, recall

ALL = torch.ones(20, dtype=torch.bool)


def residuals(*sizes: float) -> torch.Tensor:
    """Normal residuals [R, 20, 3] of regimes whose models err by so many units."""
    generator = torch.Generator().manual_seed(0)
    return torch.stack([size * torch.randn(20, 3, generator=generator) for size in sizes])


def test_log_likelihood_is_students_t_less_its_constant() -> None:
    z = torch.tensor([[0.3, -2.0, 7.0]])
    expected = stats.t.logpdf(z.numpy(), FREEDOM).sum() - 3 * stats.t.logpdf(0.0, FREEDOM)
    assert float(log_likelihood(z)[0]) == pytest.approx(expected, rel=1e-5)


def test_the_regime_that_errs_least_is_recalled() -> None:
    told = recall(residuals(4.0, 0.9, 3.0), ALL)
    assert told.best() == 1
    assert float(told.posterior.sum()) == pytest.approx(1.0)
    assert float(told.posterior[1]) > 0.99


def test_a_poor_winner_does_not_win() -> None:
    told = recall(residuals(9.0, 5.0), ALL)
    assert float(told.posterior[1]) > float(told.posterior[0])
    assert told.best() is None
    assert float(told.posterior[-1]) > 0.99  # none of them


def test_a_window_without_information_says_nothing() -> None:
    told = recall(residuals(1.0, 1.0), ~ALL)
    assert told.rows == 0
    assert told.best() is None
    assert torch.allclose(told.posterior, torch.full((3,), 1 / 3, dtype=torch.float64))


def test_one_outlier_does_not_hide_the_right_regime() -> None:
    scaled = residuals(0.8, 2.5)
    scaled[0, 4, 0] = 1e5
    assert recall(scaled, ALL).best() == 0


def test_a_residual_that_is_not_finite_counts_against_its_regime_alone() -> None:
    scaled = residuals(0.8, 0.8)
    scaled[0, 3, 1] = torch.nan
    told = recall(scaled, ALL)
    assert told.best() == 1
    assert bool(torch.isfinite(told.posterior).all())


def test_none_of_them_is_as_likely_as_residuals_at_the_limit() -> None:
    at_limit = torch.full((1, 3), FIT**0.5)
    assert float(log_likelihood(at_limit)[0]) == pytest.approx(limit_log_likelihood(3), rel=1e-6)


def test_a_share_of_the_effect_is_forgiven() -> None:
    units = Units(torch.tensor([0.01, 0.01]))
    still = units.scaled(torch.tensor([[0.02, 0.0]]), torch.zeros(1, 2))
    driving = units.scaled(torch.tensor([[0.02, 0.0]]), torch.tensor([[0.4, 0.4]]))
    assert float(still[0, 0]) == pytest.approx(2.0)
    assert float(driving[0, 0]) == pytest.approx(2.0 / (1 + 0.05**2 * 40**2) ** 0.5)


def test_only_what_moves_or_should_move_is_informative() -> None:
    units = Units(torch.tensor([0.01]))
    seen = torch.tensor([[0.0], [0.0], [0.5]])
    predicted = torch.tensor([[0.0], [0.5], [0.0]])
    assert units.informative(torch.stack([seen, predicted])).tolist() == [False, True, True]


def test_the_mean_square_bounds_gross_residuals() -> None:
    scaled = torch.zeros(10, 1)
    scaled[0] = 1e9
    assert float(mean_square(scaled)) == pytest.approx(3.6)
    assert float(mean_square(torch.zeros(0, 3))) == 0.0
