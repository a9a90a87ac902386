from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from crl.training.metrics.sampling import Estimate, estimated_mean, estimates


class TestEstimatedMean:
    def test_all_tasks_give_the_mean_itself(self) -> None:
        found = estimated_mean([1.0, 2.0, 6.0], 3)
        assert found == Estimate(3.0, 3.0, 3.0, 3, 3)
        assert estimated_mean([1.0, 2.0], 2, [6.0]) == Estimate(3.0, 3.0, 3.0, 3, 3)

    def test_tasks_that_are_evaluated_in_any_case_count_as_one_each(self) -> None:
        found = estimated_mean([1.0, 3.0], 9, [10.0])
        assert found is not None
        assert found.value == pytest.approx((9 * 2.0 + 10.0) / 10)
        assert (found.evaluated, found.tasks) == (3, 10)

    def test_one_task_of_several_has_no_interval(self) -> None:
        assert estimated_mean([0.5], 9) == Estimate(0.5, None, None, 1, 9)

    def test_nothing_is_known_of_nothing(self) -> None:
        assert estimated_mean([], 9, [1.0]) is None
        assert estimated_mean([], 0) is None

    def test_more_than_there_are(self) -> None:
        with pytest.raises(ValueError, match="2 tasks can't be drawn from 1"):
            estimated_mean([1.0, 2.0], 1)

    def test_the_interval_is_students_with_the_correction_for_a_finite_population(self) -> None:
        drawn = [0.1, 0.4, 0.7, 0.2]
        found = estimated_mean(drawn, 10)
        assert found is not None
        low, high = scipy.stats.t.interval(
            0.95, 3, loc=np.mean(drawn), scale=scipy.stats.sem(drawn) * np.sqrt(1 - 4 / 10)
        )
        assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))

    def test_it_is_unbiased_and_its_interval_holds_the_mean_of_all(self) -> None:
        rng = np.random.default_rng(0)
        population, newest = rng.normal(size=40), 3.0
        truth = (population.sum() + newest) / 41
        values, inside = [], 0
        for _ in range(2000):
            found = estimated_mean(list(rng.choice(population, 10, replace=False)), 40, [newest])
            assert found is not None
            assert found.low is not None
            assert found.high is not None
            values.append(found.value)
            inside += found.low <= truth <= found.high
        assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(2000)
        assert 0.93 < inside / 2000 < 0.97


class TestEstimates:
    def test_of_a_row_with_all_tasks_they_are_the_metrics(self) -> None:
        matrix = [[1.0, None, None], [0.5, 1.0, None], [0.25, 0.75, 1.0]]
        found = estimates(matrix, [0, 1, 2])
        assert found["average"] is not None
        assert found["forgetting"] is not None
        assert found["average"]["value"] == pytest.approx(2 / 3)
        assert found["average"]["low"] == found["average"]["high"] == found["average"]["value"]
        assert found["forgetting"]["value"] == pytest.approx((0.75 + 0.25) / 2)

    def test_a_task_that_was_not_drawn_is_estimated_by_the_others(self) -> None:
        matrix = [[1.0, None, None], [None, 1.0, None], [None, 0.75, 1.0]]
        found = estimates(matrix, [0, 1, 2])
        assert found["average"] == {
            "value": pytest.approx((2 * 0.75 + 1) / 3),
            "low": None,
            "high": None,
            "evaluated": 2,
            "tasks": 3,
        }
        assert found["forgetting"] == {"value": 0.25, "low": None, "high": None, "evaluated": 1, "tasks": 2}

    def test_scores_that_do_not_exist_give_no_estimate(self) -> None:
        assert estimates([[None, None], [None, None]], [0, 1]) == {"average": None, "forgetting": None}

    def test_a_task_that_comes_back_last_was_not_forgotten(self) -> None:
        found = estimates([[0.9, None], [None, 0.8], [0.7, 0.5]], [2, 1])
        assert found["forgetting"] is not None
        assert found["forgetting"]["value"] == pytest.approx(0.3)
        assert found["forgetting"]["tasks"] == 1
