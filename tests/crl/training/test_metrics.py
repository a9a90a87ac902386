from __future__ import annotations

import pytest

from crl.training.metrics import average_performance, forgetting, forgetting_from_best

# After task i (row), on task j (column); worked out by hand.
THREE = [
    [0.9, None, None],
    [0.7, 0.8, None],
    [0.5, 0.6, 1.0],
]


def test_three_tasks() -> None:
    assert average_performance(THREE) == pytest.approx((0.5 + 0.6 + 1.0) / 3)
    assert forgetting(THREE, [0, 1, 2]) == pytest.approx(((0.9 - 0.5) + (0.8 - 0.6)) / 2)
    assert forgetting_from_best(THREE, [0, 1, 2]) == pytest.approx(0.3)


def test_what_got_better_later_is_negative_forgetting() -> None:
    matrix = [[0.4, None], [1.0, 0.5]]
    assert forgetting(matrix, [0, 1]) == pytest.approx(-0.6)
    assert forgetting_from_best(matrix, [0, 1]) == 0.0


def test_the_best_evaluation_may_lie_between_the_first_and_the_last() -> None:
    matrix = [[-10.0, None, None], [-4.0, -3.0, None], [-6.0, -8.0, -1.0]]
    assert forgetting(matrix, [0, 1, 2]) == pytest.approx((-4.0 + 5.0) / 2)
    assert forgetting_from_best(matrix, [0, 1, 2]) == pytest.approx((2.0 + 5.0) / 2)


def test_a_cycle_counts_from_the_last_visit_of_each_task() -> None:
    matrix = [[0.9, None], [0.1, 0.8], [0.7, 0.5], [0.6, 0.9]]  # visits 0, 1, 0, 1
    assert forgetting(matrix, [2, 3]) == pytest.approx(0.7 - 0.6)
    matrix = matrix[:3]  # visits 0, 1, 0: the last task learned is no earlier task
    assert forgetting(matrix, [2, 1]) == pytest.approx(0.8 - 0.5)


def test_rows_that_were_left_out_between_do_not_matter() -> None:
    matrix = [[0.9, None, None], [None, 0.8, None], [0.5, 0.6, 1.0]]
    assert forgetting(matrix, [0, 1, 2]) == pytest.approx(0.3)
    assert forgetting_from_best(matrix, [0, 1, 2]) == pytest.approx(0.3)


def test_what_can_not_be_told_is_none() -> None:
    assert average_performance([]) is None
    assert average_performance([[0.5, None]]) is None
    assert forgetting([[1.0]], [0]) is None, "one task has nothing to forget"
    assert forgetting([[None, None], [0.5, 0.6]], [0, 1]) is None
    assert forgetting([[0.5, None], [None, 0.6]], [0, 1]) is None
    assert forgetting_from_best([[None, None], [0.5, 0.6]], [0, 1]) == 0.0
