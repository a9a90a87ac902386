"""What a visit may spend, by hand-made counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crl.config import Config
from crl.training.playing.episode import EpisodeResult
from crl.training.runs.state import RunState
from crl.training.visit_budget import VisitBudget
from tests.crl.point_mass import point_mass


def config(**changes: object) -> Config:
    made = Config()
    made.exploration.random_episodes = 2
    made.budget.mastery, made.budget.mastery_steps = True, 0
    made.budget.mastery_window, made.budget.mastery_successes = 4, 3
    made.budget.validation_episodes, made.budget.validation_successes = 5, 4
    for name, value in changes.items():
        setattr(made.budget, name, value)
    return made


def test_what_earlier_visits_left_comes_on_top_only_if_it_is_carried() -> None:
    state = RunState(visit=1, env_steps=130, task_steps=50)  # the first visit spent 80 of its 100
    assert VisitBudget(config(carry=False), [100, 60]).left(state) == 10
    assert VisitBudget(config(carry=True), [100, 60]).left(state) == 30
    assert not VisitBudget(config(carry=False), [100, 60]).spent(state)
    assert VisitBudget(config(carry=False), [100, 50]).spent(state)


@pytest.mark.parametrize(
    ("outcomes", "episodes", "tried", "mastered"),
    [
        ([True, True, True], 5, 0, True),
        ([True, True, False], 5, 0, False),
        ([True] * 3, 2, 0, False),  # the random episodes alone
        ([True, True, True], 5, 4, False),  # a validation has just failed
        ([True, True, True], 6, 4, True),
        ([True, True, True, False, False], 9, 0, False),  # only the newest four count
    ],
)
def test_mastery(outcomes: list[bool], episodes: int, tried: int, mastered: bool) -> None:
    state = RunState(episodes=episodes, tried=tried, outcomes=outcomes)
    assert VisitBudget(config(), [100]).mastered(state) is mastered


def test_a_validation_stops_early_only_if_it_may() -> None:
    lost, open_ = RunState(validated=[False, True, False]), RunState(validated=[False, True])
    assert VisitBudget(config(validation_stop=True), [9]).judged_enough(lost)
    assert not VisitBudget(config(validation_stop=True), [9]).judged_enough(open_)
    assert not VisitBudget(config(validation_stop=False), [9]).judged_enough(lost)
    assert VisitBudget(config(validation_stop=False), [9]).judged_enough(RunState(validated=[True] * 5))


@pytest.mark.parametrize(
    ("enough", "has_success", "result", "solved"),
    [
        (None, False, EpisodeResult(total=1000.0), False),
        (950.0, False, EpisodeResult(total=950.0), True),
        (950.0, False, EpisodeResult(total=949.0), False),
        (950.0, False, EpisodeResult(total=1000.0, fault="it broke"), False),
        (950.0, True, EpisodeResult(total=1000.0), False),  # the task itself says what success is
        (950.0, True, EpisodeResult(total=0.0, success=True), True),
    ],
)
def test_a_return_counts_as_success_where_the_task_defines_none(
    enough: float | None, has_success: bool, result: EpisodeResult, solved: bool
) -> None:
    task = replace(point_mass(), has_success=has_success)
    assert VisitBudget(config(solved_return=enough), [9]).solved(result, task) is solved
