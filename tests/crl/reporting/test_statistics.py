"""Bootstrap intervals: seeded, stratified, and covering what they promise to cover."""

from __future__ import annotations

import numpy as np
import pytest

from crl.reporting.statistics import interval, paired_difference


def test_the_same_scores_give_the_same_interval() -> None:
    scores = np.random.default_rng(0).normal(size=(5, 3))
    assert interval(scores) == interval(scores)
    assert interval(scores) != interval(scores, seed=1)


def test_equal_scores_leave_no_doubt() -> None:
    found = interval(np.full((4, 2), 0.7))
    assert (found.value, found.low, found.high) == pytest.approx((0.7, 0.7, 0.7))


def test_strata_are_resampled_on_their_own() -> None:
    # Tasks differ a lot, seeds not at all: an unstratified bootstrap would mix the tasks and be unsure.
    scores = np.tile([0.0, 1.0], (5, 1))
    assert interval(scores).high - interval(scores).low == pytest.approx(0.0)


def test_it_covers_the_true_mean_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        found = interval(random.normal(loc=2.0, size=20), resamples=400)
        hits += found.low <= 2.0 <= found.high
    # The percentile bootstrap of 20 seeds is a little too narrow: about 93 % instead of 95 %.
    assert 0.88 <= hits / 200 <= 0.99


def test_other_statistics() -> None:
    scores = np.array([[1.0], [2.0], [30.0]])
    assert interval(scores, lambda table: float(np.median(table))).value == 2.0


def test_a_paired_difference_is_surer_than_two_intervals() -> None:
    random = np.random.default_rng(1)
    seeds = random.normal(size=(8, 1))
    ours, theirs = seeds + 1.0 + 0.01 * random.normal(size=(8, 1)), seeds
    found = paired_difference(ours, theirs)
    assert found.low > 0.9
    assert found.high < 1.1
    assert interval(ours).high - interval(ours).low > 5 * (found.high - found.low)


@pytest.mark.parametrize("scores", [np.array([]), np.array([1.0, np.nan])])
def test_no_interval_without_finite_scores(scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match="at least one score, and all of them finite"):
        interval(scores)


def test_pairs_need_equal_shapes() -> None:
    with pytest.raises(ValueError, match="equal shapes"):
        paired_difference(np.zeros((2, 3)), np.zeros((3, 3)))


def test_format() -> None:
    assert interval(np.array([0.5])).format(1, scale=100.0) == "50.0 [50.0, 50.0]"
