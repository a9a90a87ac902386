"""Metrics of learning curves against curves worked out by hand and the published definitions written out plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crl.training.metrics.curves import (
    Curve,
    area,
    areas,
    curve_transfer,
    curves,
    relative_speed,
    steps_to_reach,
)


def curve(*scores: float, steps: int | tuple[int, ...] = 10, start: int = 0) -> Curve:
    """Episodes of equal length, unless told otherwise."""
    return Curve("t", start, (steps,) * len(scores) if isinstance(steps, int) else steps, scores)


def line(task: str, episode: int, step: int, steps: int, success: bool) -> dict[str, Any]:
    return {"task": task, "episode": episode, "step": step, "steps": steps, "success": success}


def test_one_curve_per_visit() -> None:
    lines = [
        line("a", 1, 10, 10, False),
        line("a", 2, 25, 10, True),  # validations took 5 steps
        line("b", 1, 35, 10, False),
        line("a", 1, 45, 10, True),  # comes again ...
        line("a", 1, 50, 5, False),  # ... and once more at once
        line("a", 2, 50, 0, True),  # broke at its first step
    ]
    found = curves(lines, lambda one: float(one["success"]))
    assert found == [
        Curve("a", 0, (10, 10), (0.0, 1.0)),
        Curve("b", 25, (10,), (0.0,)),
        Curve("a", 35, (10,), (1.0,)),
        Curve("a", 45, (5,), (0.0,)),
    ]
    assert found[0].span == 20
    assert curves([], lambda one: 0.0) == []


@pytest.mark.parametrize(("steps", "scores"), [((), ()), ((1, 2), (0.5,)), ((0,), (0.5,))])
def test_no_curve(steps: tuple[int, ...], scores: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="a curve needs episodes of at least one step"):
        Curve("t", 0, steps, scores)


def test_area() -> None:
    one = curve(0.0, 1.0, 0.5, steps=(10, 20, 10))
    assert area(one) == pytest.approx((0 * 10 + 1 * 20 + 0.5 * 10) / 40)
    assert area(one, 10) == 0.0
    assert area(one, 15) == pytest.approx(5 / 15), "a part of an episode counts with its steps"
    assert area(one, 40) == area(one)
    for span in (0, 41, -1):
        with pytest.raises(ValueError, match="no area over"):
            area(one, span)


def test_curves_of_different_length_are_compared_over_the_shorter() -> None:
    mastered_early = curve(0.0, 1.0)
    assert areas(mastered_early, [curve(0.0, 0.0, 1.0, 1.0)]) == (0.5, 0.0)
    assert areas(mastered_early, [curve(0.0, 0.0, 1.0), curve(1.0)]) == (pytest.approx(0.25), pytest.approx(0.5))
    with pytest.raises(ValueError, match="no curve of a fresh model"):
        areas(mastered_early, [])


def test_continual_worlds_forward_transfer_as_printed() -> None:
    """Wolczyk et al. 2021: FT_i = (AUC_i - AUC_i^b) / (1 - AUC_i^b), with AUC the mean of p_i(t) over task i."""
    random = np.random.default_rng(0)
    length, per_task = 10, 200  # steps of an episode, and the paper's Delta
    ours = random.integers(0, 2, size=per_task // length).astype(float)
    fresh = random.integers(0, 2, size=(3, per_task // length)).astype(float)

    def p(scores: np.ndarray, t: int) -> float:
        return float(scores[t // length])

    auc = sum(p(ours, t) for t in range(per_task)) / per_task
    auc_b = np.mean([sum(p(scores, t) for t in range(per_task)) / per_task for scores in fresh])
    printed = (auc - auc_b) / (1 - auc_b)
    assert 0 < auc_b < 1
    assert curve_transfer(curve(*ours), [curve(*scores) for scores in fresh]) == pytest.approx(printed)


def test_forward_transfer_is_one_at_best_and_zero_for_a_fresh_model() -> None:
    fresh = [curve(0.0, 0.0, 1.0, 1.0)]
    assert curve_transfer(curve(1.0, 1.0, 1.0, 1.0), fresh) == pytest.approx(1.0)
    assert curve_transfer(fresh[0], fresh) == pytest.approx(0.0)
    assert curve_transfer(curve(0.0, 0.0, 0.0, 0.0), fresh) == pytest.approx(-1.0)
    assert curve_transfer(fresh[0], [curve(1.0, 1.0)]) is None, "nothing was left to gain"


@pytest.mark.parametrize("scores", [(-0.1, 0.5), (0.5, 1.1)])
def test_forward_transfer_of_scores_outside_the_unit_interval(scores: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"needs scores in \[0, 1\]"):
        curve_transfer(curve(*scores), [curve(0.5)])
    with pytest.raises(ValueError, match=r"needs scores in \[0, 1\]"):
        curve_transfer(curve(0.5), [curve(*scores)])


def test_speed_against_a_fresh_model() -> None:
    fresh = [curve(0.0, 0.5, 1.0, 1.0)]
    assert relative_speed(fresh[0], fresh) == pytest.approx(1.0)
    assert relative_speed(curve(0.0, 0.25, 0.5, 0.5), fresh) == pytest.approx(0.5), "a network that lost plasticity"
    assert relative_speed(curve(1.0, 1.0, 1.0, 1.0), fresh) == pytest.approx(1.6)
    assert relative_speed(fresh[0], [curve(0.0, 0.0)]) is None, "no speed relative to none"


def test_steps_to_reach() -> None:
    one = curve(0.0, 0.9, 0.2, 0.9, 0.9, steps=(10, 20, 10, 10, 10))
    assert steps_to_reach(one, 0.8) == 30
    assert steps_to_reach(one, 0.8, window=2) == 60, "one good episode may be luck"
    assert steps_to_reach(one, 0.0) == 10
    assert steps_to_reach(one, 0.0, window=3) == 40, "not before there are as many episodes"
    assert steps_to_reach(one, 0.95) is None
