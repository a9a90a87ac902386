"""How training episodes explore: which have a script, which noise, and when a script takes over."""

from __future__ import annotations

import numpy as np
import pytest

from crl.agents.exploration import RECENT, Exploration, WhiteExploration
from crl.config import ExplorationConfig
from crl.types import Array, TaskSpec
from tests.crl.point_mass import point_mass


def task() -> TaskSpec:
    return point_mass()


def exploration(hands_over: bool = True, **settings: float) -> Exploration:
    config = ExplorationConfig(**{"random_episodes": 2, "noise": 0.3, "every": 4, **settings})  # type: ignore[arg-type]
    return Exploration(config, task().action, 0, hands_over=hands_over)


def actions(found: Exploration, planned: Array) -> list[Array]:
    """What an episode does with a constant plan."""
    rows = []
    for step in range(task().episode_steps):
        scripted = found.scripted(step)
        rows.append(found.disturbed(planned, step) if scripted is None else scripted)
    return rows


ZERO = np.zeros(task().action.size, np.float32)


def test_random_episodes_come_first_then_noise_in_all_but_every_fourth() -> None:
    found = exploration()
    kinds = []
    for episode in range(12):
        found.begin(task(), episode, known=False)
        kinds.append("script" if found.scripted(0) is not None else "noise" if found.noise(0) is not None else "none")
    assert kinds == ["script"] * 2 + ["noise", "none"] + (["noise"] * 3 + ["none"]) * 2


def test_a_known_task_has_no_random_episodes() -> None:
    found = exploration()
    found.begin(task(), 0, known=True)
    assert found.scripted(0) is None


def test_noise_stays_inside_the_range_and_follows_from_seed_task_and_episode() -> None:
    low, high = np.float32(task().action.low), np.float32(task().action.high)
    runs = []
    for _ in range(2):
        found = exploration(noise=3.0, random_episodes=0)
        found.begin(task(), 5, known=False)
        runs.append(actions(found, ZERO))
        assert all(((low <= row) & (row <= high)).all() for row in runs[-1])
    np.testing.assert_array_equal(runs[0], runs[1])
    found.begin(task(), 6, known=False)
    assert not np.array_equal(actions(found, ZERO), runs[0])


def test_evaluation_is_not_disturbed() -> None:
    found = exploration(random_episodes=0)
    found.begin(task(), 0, known=False)
    found.rest()
    assert all(np.array_equal(row, ZERO) for row in actions(found, ZERO))


def taken_over(found: Exploration, success: bool) -> float:
    """Share of planned episodes in which the script takes over, after some that succeeded or did not."""
    count = 0
    for episode in range(300):
        found.begin(task(), episode, known=True)
        count += any(found.scripted(step) is not None for step in range(task().episode_steps))
        if success:
            found.succeeded()
    return count / 300


def test_a_script_takes_over_while_plans_fail_and_not_while_they_succeed() -> None:
    assert taken_over(exploration(handover=0.6), success=False) == pytest.approx(0.6, abs=0.1)
    assert taken_over(exploration(handover=0.6), success=True) < 0.05
    assert taken_over(exploration(handover=0.6, hands_over=False), success=False) == 0


def test_only_recent_planned_episodes_tell_how_often_plans_fail() -> None:
    found = exploration(handover=0.6)
    for episode in range(RECENT + 2):
        found.begin(task(), episode, known=False)
        found.succeeded()
    assert len(found.solved) == RECENT  # the random ones are no plans
    found.begin_task()
    assert (found.episodes, found.solved) == (0, [])


def test_a_restored_exploration_goes_on_alike() -> None:
    one, other = exploration(handover=0.6), exploration(handover=0.6)
    for episode in range(5):
        one.begin(task(), episode, known=False)
    other.load_state_dict(one.state_dict())
    for found in (one, other):
        found.begin(task(), 5, known=False)
    np.testing.assert_array_equal(actions(one, ZERO), actions(other, ZERO))


def test_white_noise_is_in_half_ranges_and_can_be_off() -> None:
    config = ExplorationConfig(random_episodes=0)
    loud, quiet = (WhiteExploration(config, task().action, 0, deviation) for deviation in (0.5, 0.0))
    rows = []
    for episode in range(40):
        loud.begin(task(), episode, known=False)
        rows += [loud.noise(step) for step in range(task().episode_steps)]
    assert float(np.std(rows)) == pytest.approx(0.5, rel=0.1)
    quiet.begin(task(), 0, known=False)
    assert quiet.noise(0) is None
