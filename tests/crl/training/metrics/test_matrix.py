"""Metrics against matrices worked out by hand, and against the published definitions written out plainly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crl.training.metrics.matrix import (
    Matrix,
    average_performance,
    continual_world_forgetting,
    forgetting,
    forgetting_from_best,
    forward_transfer,
    just_learned,
    normalised,
    retention_ratio,
    transfer_ratio,
)

# After task i (row), on task j (column); worked out by hand.
THREE = [
    [0.9, None, None],
    [0.7, 0.8, None],
    [0.5, 0.6, 1.0],
]
ORDER = [0, 1, 2]


def test_three_tasks() -> None:
    assert average_performance(THREE) == pytest.approx((0.5 + 0.6 + 1.0) / 3)
    assert forgetting(THREE, ORDER) == pytest.approx(((0.9 - 0.5) + (0.8 - 0.6)) / 2)
    assert forgetting_from_best(THREE, ORDER) == pytest.approx(0.3)
    assert just_learned(THREE, ORDER) == [0.9, 0.8, 1.0]


def test_forward_transfer_of_three_tasks() -> None:
    single = [0.8, 0.9, 0.7]
    assert forward_transfer(THREE, ORDER, single) == pytest.approx((0.1 - 0.1 + 0.3) / 3)
    assert forward_transfer(THREE, ORDER, [0.9, 0.8, 1.0]) == pytest.approx(0.0)


def test_ratios_of_three_tasks() -> None:
    assert retention_ratio(THREE, ORDER) == pytest.approx((0.5 + 0.6) / (0.9 + 0.8))
    assert transfer_ratio(THREE, ORDER, [0.8, 0.9, 0.7]) == pytest.approx(2.7 / 2.4)


def test_a_ratio_is_not_decided_by_one_task_that_was_hardly_learned() -> None:
    matrix = [[0.01, None, None], [0.1, 1.0, None], [0.1, 1.0, 1.0]]
    # The mean of the ratios would be (10 + 1) / 2.
    assert retention_ratio(matrix, ORDER) == pytest.approx(1.1 / 1.01)


def test_no_ratio_to_nothing() -> None:
    assert retention_ratio([[-0.1, None], [0.5, 0.5]], [0, 1]) is None
    assert transfer_ratio([[0.5]], [0], [0.0]) is None
    assert retention_ratio([[0.5]], [0]) is None


def test_continual_world_counts_the_last_task_as_not_forgotten() -> None:
    assert continual_world_forgetting(THREE, ORDER) == pytest.approx((0.4 + 0.2 + 0.0) / 3)
    assert continual_world_forgetting([], []) is None
    assert continual_world_forgetting([[None, None], [0.5, 0.6]], [0, 1]) is None


def test_what_got_better_later_is_negative_forgetting() -> None:
    matrix = [[0.4, None], [1.0, 0.5]]
    assert forgetting(matrix, [0, 1]) == pytest.approx(-0.6)
    assert forgetting(matrix, [0, 1]) == pytest.approx(-0.6)
    assert forgetting_from_best(matrix, [0, 1]) == 0.0


def test_the_best_evaluation_may_lie_between_the_first_and_the_last() -> None:
    matrix = [[-10.0, None, None], [-4.0, -3.0, None], [-6.0, -8.0, -1.0]]
    assert forgetting(matrix, ORDER) == pytest.approx((-4.0 + 5.0) / 2)
    assert forgetting_from_best(matrix, ORDER) == pytest.approx((2.0 + 5.0) / 2)


def test_the_variant_with_the_best_is_biased_upwards_by_noise() -> None:
    # Nothing is ever forgotten; evaluations are noisy. The plain form is right on average, the variant is not.
    random = np.random.default_rng(0)
    tasks = 8
    plain, best = [], []
    for _ in range(300):
        noisy = 0.5 + 0.1 * random.normal(size=(tasks, tasks))
        matrix = [[float(noisy[i, j]) if j <= i else None for j in range(tasks)] for i in range(tasks)]
        plain.append(forgetting(matrix, range(tasks)))
        best.append(forgetting_from_best(matrix, range(tasks)))
    assert np.mean(plain) == pytest.approx(0.0, abs=0.01)
    assert np.mean(best) > 0.08


def test_a_cycle_counts_from_the_last_visit_of_each_task() -> None:
    matrix = [[0.9, None], [0.1, 0.8], [0.7, 0.5], [0.6, 0.9]]  # visits 0, 1, 0, 1
    assert forgetting(matrix, [2, 3]) == pytest.approx(0.7 - 0.6)
    assert forward_transfer(matrix, [0, 1], [0.5, 0.5]) == pytest.approx((0.4 + 0.3) / 2), "by the first visits"
    matrix = matrix[:3]  # visits 0, 1, 0: the last task learned is no earlier task
    assert forgetting(matrix, [2, 1]) == pytest.approx(0.8 - 0.5)


def test_rows_that_were_left_out_between_do_not_matter() -> None:
    matrix = [[0.9, None, None], [None, 0.8, None], [0.5, 0.6, 1.0]]
    assert forgetting(matrix, ORDER) == pytest.approx(0.3)
    assert forgetting_from_best(matrix, ORDER) == pytest.approx(0.3)


def test_what_can_not_be_told_is_none() -> None:
    assert average_performance([]) is None
    assert average_performance([[0.5, None]]) is None
    assert forgetting([[1.0]], [0]) is None, "one task has nothing to forget"
    assert forgetting([[None, None], [0.5, 0.6]], [0, 1]) is None
    assert forgetting([[0.5, None], [None, 0.6]], [0, 1]) is None
    assert forgetting_from_best([[None, None], [0.5, 0.6]], [0, 1]) == 0.0
    assert forward_transfer(THREE, ORDER, [0.5, None, 0.5]) is None
    assert transfer_ratio(THREE, ORDER, [0.5, None, 0.5]) is None


def test_normalised_scores() -> None:
    scores = normalised([[10.0, None], [20.0, -50.0]], zero=[0.0, -100.0], one=[20.0, 0.0])
    assert scores == [[0.5, None], [1.0, 0.5]]


@pytest.mark.parametrize("one", [-1.0, 0.0, float("nan")])
def test_no_scale_where_the_reference_is_not_above_random_actions(one: float) -> None:
    with pytest.raises(ValueError, match=r"task 1: the reference .* is not above the random policy 0\.0"):
        normalised([[1.0, 1.0]], zero=[0.0, 0.0], one=[1.0, one])


@st.composite
def matrices(draw: st.DrawFn) -> Matrix:
    tasks = draw(st.integers(2, 6))
    score = st.floats(-2, 2, allow_nan=False)
    return [[draw(score) if column <= row else None for column in range(tasks)] for row in range(tasks)]


@given(matrices(), st.lists(st.floats(0.1, 1.0), min_size=6, max_size=6))
def test_the_published_definitions_hold_on_any_matrix(matrix: Matrix, single: list[float]) -> None:
    """Huang et al. 2021 and Wolczyk et al. 2021 with tasks counted from 1, as printed."""
    r = {(i, j): matrix[i - 1][j - 1] for i in range(1, len(matrix) + 1) for j in range(1, i + 1)}
    last = len(matrix)  # T, and Continual World's N
    alone = {j: single[j - 1] for j in range(1, last + 1)}
    diagonal = range(last)

    performance = sum(r[last, j] for j in range(1, last + 1)) / last
    forgotten = sum(r[j, j] - r[last, j] for j in range(1, last)) / (last - 1)
    from_best = sum(max(r[i, j] for i in range(j, last + 1)) - r[last, j] for j in range(1, last)) / (last - 1)
    transfer = sum(r[j, j] - alone[j] for j in range(1, last + 1)) / last
    wolczyk = sum(r[j, j] - r[last, j] for j in range(1, last + 1)) / last

    close = {"abs": 1e-12}
    assert average_performance(matrix) == pytest.approx(performance, **close)
    assert forgetting(matrix, diagonal) == pytest.approx(forgotten, **close)
    assert forgetting_from_best(matrix, diagonal) == pytest.approx(from_best, **close)
    assert forward_transfer(matrix, diagonal, single[:last]) == pytest.approx(transfer, **close)
    assert continual_world_forgetting(matrix, diagonal) == pytest.approx(wolczyk, **close)
    assert wolczyk == pytest.approx(forgotten * (last - 1) / last, **close)
    assert from_best >= forgotten - 1e-12
