"""A few transitions in place of a last layer, beside what slow formulas say."""

from __future__ import annotations

import torch

from crl.memory.models.summary import halved, most_telling, outputs, solved

NOISE = 0.02


def features(count: int, size: int = 6) -> torch.Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def doubt(rows: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Posterior variances [N] at rows, given that outputs at others are known, by the covariance of the weights."""
    precision = torch.eye(rows.shape[1], dtype=rows.dtype) + known.T @ known / NOISE
    return (rows @ torch.linalg.inv(precision) * rows).sum(dim=1)


def test_the_most_telling_inputs_are_those_that_are_doubted_most() -> None:
    rows = features(20)
    found = most_telling(rows, NOISE, 5)
    for at, row in enumerate(found):
        left = doubt(rows, rows[found[:at]])
        left[found[:at]] = 0.0
        assert row == int(left.argmax())


def test_no_more_inputs_are_found_than_there_are() -> None:
    assert sorted(most_telling(features(3), NOISE, 8)) == [0, 1, 2]


def test_a_layer_is_the_ridge_solution_of_its_transitions() -> None:
    few, told, noise = features(4), features(4, 2), torch.tensor([0.02, 0.5], dtype=torch.float64)
    found = solved(few, told, noise)
    for output in range(2):
        precision = few.T @ few + noise[output] * torch.eye(6, dtype=torch.float64)
        torch.testing.assert_close(found[:, output], torch.linalg.solve(precision, few.T @ told[:, output]))


def test_a_layer_in_the_span_of_the_inputs_comes_back() -> None:
    every, noise = features(20), torch.full((2,), NOISE, dtype=torch.float64)
    few = every[most_telling(every, NOISE, 4)]
    layer = few.T @ features(4, 2)
    found = solved(few, outputs(every, few, layer, noise), noise)
    torch.testing.assert_close(found, layer, rtol=1e-3, atol=1e-3)


def test_numbers_beyond_sixteen_bits_stay_finite() -> None:
    assert torch.isfinite(halved(torch.tensor([1e9, -1e9, 0.1]))).all()
