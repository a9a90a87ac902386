"""Stepwise selection: what brute force finds where that is certain, and the simplest of explanations alike."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from crl.adaptation.identification.selection import Floats, select

SIZE = 6
VARIANCE = np.array([4.0, 4.0, 1.0, 1.0, 0.25, 0.25])
PRICE = np.array([2.0, 2.0, 3.0, 3.0, 4.0, 4.0])


def worth(gram: Floats, right: Floats, chosen: tuple[int, ...]) -> float:
    """Log density that a set of parameters gains over none, less its price."""
    if not chosen:
        return 0.0
    at = list(chosen)
    inside = gram[np.ix_(at, at)] + np.diag(1 / VARIANCE[at])
    return float(0.5 * right[at] @ np.linalg.solve(inside, right[at]) - PRICE[at].sum())


def best_subset(gram: Floats, right: Floats) -> tuple[int, ...]:
    subsets = itertools.chain.from_iterable(itertools.combinations(range(SIZE), n) for n in range(SIZE + 1))
    return max(subsets, key=lambda chosen: worth(gram, right, chosen))


def data(seed: int, rows: int = 40) -> tuple[Floats, Floats, Floats]:
    random = np.random.default_rng(seed)
    design = random.normal(size=(rows, SIZE))
    truth = np.where(random.random(SIZE) < 0.4, random.normal(size=SIZE) * 2, 0.0)
    return design, truth, design @ truth + random.normal(size=rows)


@pytest.mark.parametrize("seed", range(20))
def test_uncorrelated_parameters_are_chosen_as_brute_force_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    gram = np.diag(random.uniform(0.0, 50.0, SIZE))
    right = random.normal(size=SIZE) * 10
    found, _ = select(gram, right, VARIANCE, PRICE)
    assert tuple(np.flatnonzero(found)) == best_subset(gram, right)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_chosen_of_correlated_ones_cannot_be_bettered_by_one_step(seed: int) -> None:
    design, _, seen = data(seed)
    gram, right = design.T @ design, design.T @ seen
    found, left = select(gram, right, VARIANCE, PRICE)
    chosen = tuple(np.flatnonzero(found).tolist())
    value = worth(gram, right, chosen)
    assert value >= 0
    for index in range(SIZE):
        other = tuple(sorted(set(chosen) ^ {index}))
        assert worth(gram, right, other) <= value + 1e-9
    at = list(chosen)
    covariance = np.linalg.inv(gram[np.ix_(at, at)] + np.diag(1 / VARIANCE[at]))
    np.testing.assert_allclose(found[at], covariance @ right[at], atol=1e-9)
    np.testing.assert_allclose(left[at], covariance.diagonal(), atol=1e-9)
    out = [index for index in range(SIZE) if index not in chosen]
    np.testing.assert_array_equal(left[out], VARIANCE[out])


def test_of_two_explanations_alike_the_cheaper_one_is_taken_alone() -> None:
    design, _, _ = data(0)
    design[:, 4] = design[:, 0]
    seen = 1.5 * design[:, 0]
    found, _ = select(design.T @ design, design.T @ seen, VARIANCE, PRICE)
    assert np.flatnonzero(found).tolist() == [0]
    assert found[0] == pytest.approx(1.5, rel=0.02)


def test_no_data_leave_everything_open() -> None:
    found, left = select(np.zeros((SIZE, SIZE)), np.zeros(SIZE), VARIANCE, PRICE)
    assert not found.any()
    np.testing.assert_array_equal(left, VARIANCE)


def test_noise_alone_seldom_buys_a_parameter() -> None:
    bought = 0
    for seed in range(200):
        design, _, _ = data(seed)
        noise = np.random.default_rng(1000 + seed).normal(size=len(design))
        bought += bool(select(design.T @ design, design.T @ noise, VARIANCE, PRICE)[0].any())
    assert bought <= 30  # a price of 2 is a deviation of 2: one in twenty for each of the two that cost no more
