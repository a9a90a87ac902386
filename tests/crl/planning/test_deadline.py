"""Plans in limited time, by a clock that stands still but for what the model takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from crl.planning.deadline import FIRST, Deadline
from crl.planning.planner import Plan, Planner
from tests.crl.planning.test_planners import NAMES, START, make, point, reward, seeded, value

PER_SEQUENCE = 1e-4
FAR = 1e6


class Slow:
    """A model that takes time for each sequence, and its clock."""

    def __init__(self, each: float = PER_SEQUENCE, once: float = 0.0) -> None:
        self.each, self.once = each, once
        self.now = 100.0
        self.seen: list[Tensor] = []

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        self.now += self.once + self.each * len(actions)
        self.seen.append(actions.clone())
        return point(observation, actions)


def planned(name: str, limit: float | None, slow: Slow, seed: int = 0, **settings: Any) -> tuple[Plan, Planner]:
    planner = make(name, **{"samples": 400, **settings})
    planner.clock = lambda: slow.now
    return planner.plan(slow, reward, START, seeded(seed), deadline=limit), planner


@pytest.mark.parametrize("name", NAMES)
def test_with_time_enough_the_plan_is_the_usual_one(name: str) -> None:
    usual, _ = planned(name, 0.0, Slow())
    relaxed, _ = planned(name, FAR, Slow())
    assert relaxed.samples == usual.samples
    assert relaxed.rounds == usual.rounds
    assert relaxed.complete and usual.complete
    torch.testing.assert_close(relaxed.actions, usual.actions)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("deadline", [0.01, 0.02, 0.05])
def test_a_plan_keeps_its_deadline_and_says_how_much_it_managed(name: str, deadline: float) -> None:
    slow = Slow(once=5e-4)
    began = slow.now
    plan, _ = planned(name, deadline, slow, samples=1000)
    assert slow.now - began <= deadline
    assert plan.samples == sum(len(actions) for actions in slow.seen) < 1000
    assert FIRST <= plan.samples >= 0.5 * deadline / PER_SEQUENCE, "the time is used"
    assert not plan.complete
    assert plan.rounds >= 1


@pytest.mark.parametrize("name", [name for name in NAMES if name != "mppi"])
@pytest.mark.parametrize("limit", [0.01, 0.05])
def test_it_is_the_best_of_what_was_scored(name: str, limit: float) -> None:
    slow = Slow()
    plan, _ = planned(name, limit, slow)
    assert value(plan.actions) == pytest.approx(max(value(one) for batch in slow.seen for one in batch), abs=1e-5)
    assert plan.value == pytest.approx(value(plan.actions), abs=1e-5)


@pytest.mark.parametrize("name", ["icem", "cem", "mppi"])
def test_rounds_that_do_not_fit_are_left_out(name: str) -> None:
    few, _ = planned(name, 0.025, Slow(), samples=100, rounds=8)
    many, _ = planned(name, FAR, Slow(), samples=100, rounds=8)
    assert 1 < few.rounds < many.rounds
    assert few.samples < many.samples


def test_more_time_gives_better_plans() -> None:
    def mean(deadline: float) -> float:
        return sum(value(planned("icem", deadline, Slow(), seed)[0].actions) for seed in range(20)) / 20

    assert mean(0.01) < mean(0.05) < mean(FAR)


@pytest.mark.parametrize("name", NAMES)
def test_a_deadline_that_is_over_at_once_still_gives_a_plan(name: str) -> None:
    plan, _ = planned(name, 1e-9, Slow())
    assert plan.samples == FIRST
    assert plan.rounds == 1


def test_what_was_good_before_is_scored_first() -> None:
    slow = Slow()
    _, planner = planned("icem", FAR, slow)
    kept = planner.state_dict()["kept"]
    slow.seen.clear()
    planner.plan(slow, reward, START, seeded(1), deadline=1e-9)
    first = slow.seen[0]
    assert all(bool((first == one).all(dim=(-2, -1)).any()) for one in planner.clip(kept))


@pytest.mark.parametrize("name", NAMES)
def test_the_setting_is_the_default(name: str) -> None:
    slow = Slow()
    plan, planner = planned(name, None, slow, samples=1000, deadline=0.02)
    assert not plan.complete
    assert slow.now - 100 <= 0.02
    assert planner.plan(slow, reward, START, seeded(), deadline=0.0).complete


class TestDeadline:
    def test_without_a_limit_everything_fits(self) -> None:
        within = Deadline(0.0, lambda: 0.0)
        assert within.affordable(10**9) == 10**9
        assert not within.over()
        assert within.complete

    def test_a_small_batch_is_never_expected_to_be_faster_than_the_first(self) -> None:
        now = [0.0]

        def work() -> None:
            now[0] += 1.0

        within = Deadline(2.0, lambda: now[0])
        within.score(FIRST, work)
        assert within.affordable(1) == 0
        assert within.over()
        assert not within.complete
