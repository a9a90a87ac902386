"""Metrics of groups of runs: scale, references that are incomplete, and runs that can't be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crl.reporting.measures import Measures, comparable, finals, gather, measure, scale, shared_seeds
from crl.reporting.pages.baseline import random_returns
from crl.reporting.runs import RunRecord, by_strategy, run_folders
from crl.sequences import load_sequence
from tests.crl.reporting.folders import TASKS, leave, plastic

ZERO = dict.fromkeys(TASKS, -10.0)


def groups_of(root: Path) -> dict[str, list[RunRecord]]:
    groups, problems = by_strategy(run_folders(root))
    assert not problems
    return groups


def measures_of(root: Path) -> dict[str, list[Measures]]:
    groups = groups_of(root)
    singles = groups.get("single", [])
    return measure(groups, scale(groups, ZERO, singles), singles)


def test_scores_by_hand(tmp_path: Path) -> None:
    returns = [[0.0, None, None], [-2.0, -4.0, None], [-6.0, -5.0, 2.0]]
    leave(tmp_path, "ewc", 0, matrix_return=returns)
    leave(tmp_path, "single", 0, matrix_return=[[0.0, None, None], [0.0, -5.0, None], [0.0, -5.0, 0.0]])
    leave(tmp_path, "single", 1, matrix_return=[[0.0, None, None], [0.0, -1.0, None], [0.0, -1.0, 0.0]])
    found = measures_of(tmp_path)
    values = found["ewc"][0].values
    # The reference is 0, -3 and 0, so the scores just after learning are 1, 6/7 and 1.2; at the end 0.4, 5/7 and 1.2.
    assert found["ewc"][0].final == pytest.approx((0.4, 5 / 7, 1.2))
    assert values["average"] == pytest.approx((0.4 + 5 / 7 + 1.2) / 3)
    assert values["forgetting"] == pytest.approx((0.6 + 1 / 7) / 2)
    assert values["continual_world_forgetting"] == pytest.approx((0.6 + 1 / 7) / 3)
    assert values["forward_transfer"] == pytest.approx((0.0 - 1 / 7 + 0.2) / 3)
    assert values["retention_ratio"] == pytest.approx((0.4 + 5 / 7) / (1 + 6 / 7))
    assert values["transfer_ratio"] == pytest.approx((1 + 6 / 7 + 1.2) / 3)
    assert gather(found["single"], "average").mean() == pytest.approx(1.0), "the reference is the mean over its seeds"
    assert gather(found["single"], "forgetting").tolist() == [0.0, 0.0]


def test_learning_curves_against_all_fresh_models(tmp_path: Path) -> None:
    leave(tmp_path, "ewc", 3, pace=0.25)
    leave(tmp_path, "hypercrl", 3, pace=0.75)
    for seed in (0, 1):
        leave(tmp_path, "single", seed, pace=0.5, noise=0.0)
    found = measures_of(tmp_path)
    rows = {pace: [1 - (1 - pace) ** episode for episode in range(5)] for pace in (0.25, 0.5, 0.75)}
    slow, fresh, fast = (float(np.mean(rows[pace])) for pace in (0.25, 0.5, 0.75))
    assert found["ewc"][0].values["speed"] == pytest.approx(slow / fresh)
    assert found["single"][1].values["speed"] == pytest.approx(1.0)
    assert found["hypercrl"][0].values["curve_transfer"] == pytest.approx((fast - fresh) / (1 - fresh))
    # Success needs more than 0.7: the third episode at pace 0.75 and the third of pace 0.5 reach 0.9375 and 0.75.
    assert found["hypercrl"][0].values["curve_transfer_success"] == pytest.approx((4 / 5 - 3 / 5) / (1 - 3 / 5))
    assert found["hypercrl"][0].reached == (48, 48, 48)
    assert found["ewc"][0].reached == (None, None, None)
    assert found["ewc"][0].values["reached"] is None
    assert found["ewc"][0].values["reached_share"] == 0.0
    assert [curve.start for curve in found["ewc"][0].curves] == [0, 80, 160]


def test_plasticity_that_older_runs_did_not_record(tmp_path: Path) -> None:
    leave(tmp_path, "single", 0)
    leave(tmp_path, "single", 1, visits=plastic(0.1, 0.2, 0.4))
    found = measures_of(tmp_path)["single"]
    assert gather(found, "dormant_units_first").tolist() == [0.1]
    assert gather(found, "dormant_units_last").tolist() == [0.4]
    assert gather(found, "effective_rank_last").tolist() == [8.0]


def test_without_the_reference_scores_are_returns(tmp_path: Path) -> None:
    leave(tmp_path, "ewc", 0, kept=0.5, noise=0.0)
    groups = groups_of(tmp_path)
    plain = scale(groups, {}, [])
    assert not plain.normalised
    (found,) = measure(groups, plain, [])["ewc"]
    assert found.final == pytest.approx((-10 + 9 / 4, -10 + 9 / 2, -1.0))
    assert found.values["forgetting"] == pytest.approx((9 * 3 / 4 + 9 / 2) / 2)
    for name in ("forward_transfer", "retention_ratio", "transfer_ratio", "speed", "curve_transfer", "reached"):
        assert found.values[name] is None


def test_a_reference_that_learned_fewer_tasks(tmp_path: Path) -> None:
    leave(tmp_path / "runs", "hypercrl", 0, noise=0.0)
    leave(tmp_path / "other", "single", 0, tasks=TASKS[:2], noise=0.0)
    groups, singles = groups_of(tmp_path / "runs"), groups_of(tmp_path / "other")["single"]
    found = scale(groups, ZERO, singles)
    assert found.tasks == TASKS[:2]
    assert found.left_out == {"slide_2": "no run of `single` has learned it"}
    (measures,) = measure(groups, found, singles)["hypercrl"]
    assert measures.final == pytest.approx((1.0, 1.0))
    # Both known tasks were learned before the last visit, which is of a task without a score.
    assert measures.values["forgetting"] == pytest.approx(0.0)
    assert len(measures.curves) == 2


def test_a_task_on_which_the_reference_is_no_better_than_random(tmp_path: Path) -> None:
    leave(tmp_path, "single", 0, noise=0.0)
    groups = groups_of(tmp_path)
    found = scale(groups, {**ZERO, "slide_1": -0.5}, groups["single"])
    assert found.tasks == ("slide_0", "slide_2")
    assert found.left_out == {"slide_1": "`single` (-1.0) is not above random actions (-0.5)"}


def test_a_task_that_comes_again(tmp_path: Path) -> None:
    order = ("slide_0", "slide_1", "slide_0")
    returns = [[-2.0, None], [-8.0, -1.0], [-1.0, -4.0]]
    leave(tmp_path, "ewc", 0, tasks=order, matrix_return=returns)
    leave(tmp_path, "single", 0, tasks=order, noise=0.0)
    found = measures_of(tmp_path)["ewc"][0]
    assert found.values["forgetting"] == pytest.approx(3 / 9), "slide_0 was the last one learned"
    assert found.values["forward_transfer"] == pytest.approx((-1 / 9 + 0) / 2), "slide_0 counts by its first visit"
    assert len(found.speeds) == 3


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"tasks": TASKS[:2]}, "other tasks or evaluations than most runs here"),
        ({"tasks": TASKS[::-1]}, "other tasks or evaluations"),
        ({"evaluation": {"episodes": 99, "episodes_between": 1, "seed": 0}}, "other tasks or evaluations"),
        ({"matrix_return": [[0.0, None, None], [0.0, 0.0, None], [0.0, None, 0.0]]}, "last evaluation is incomplete"),
    ],
)
def test_runs_that_can_not_be_compared_are_named_and_left_out(tmp_path: Path, other: dict[str, Any], what: str) -> None:
    leave(tmp_path, "hypercrl", 0)
    leave(tmp_path, "single", 0)
    leave(tmp_path, "ewc", 0, **other)
    groups, problems = comparable(groups_of(tmp_path))
    assert set(groups) == {"hypercrl", "single"}
    assert len(problems) == 1
    assert problems[0].startswith("ewc_s0 is left out") and what in problems[0]


def test_seeds_that_both_have(tmp_path: Path) -> None:
    for seed in (0, 1, 3):
        leave(tmp_path, "hypercrl", seed)
    for seed in (3, 1, 2):
        leave(tmp_path, "single", seed)
    found = measures_of(tmp_path)
    assert shared_seeds(found["hypercrl"], found["single"]) == [1, 3]
    assert finals(found["hypercrl"], [3]).tolist() == [list(found["hypercrl"][2].final)]
    assert finals(found["hypercrl"]).shape == (3, 3)


def test_what_random_actions_reach(tmp_path: Path) -> None:
    slides = load_sequence("tests.tiny:SLIDES")
    found = random_returns(slides, episodes=3, seed=5)
    assert found == random_returns(slides, episodes=3, seed=5)
    assert found != random_returns(slides, episodes=3, seed=6)
    env = slides.make(1)
    env.action_space.seed(5)
    totals = []
    for episode in range(3):
        env.reset(seed=5 + episode)
        totals.append(sum(float(env.step(env.action_space.sample())[1]) for _ in range(16)))
    assert found["slide_1"] == pytest.approx(np.mean(totals))
    assert json.dumps(found), "plain numbers"
