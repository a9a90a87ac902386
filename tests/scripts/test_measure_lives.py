"""What stands still in a life: its goals go on, and what can fall does."""

from __future__ import annotations

from types import ModuleType

import pytest

from crl_envs.lives.pusher_life import AHEAD, ASIDE
from tests.scripts_by_path import load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("scripts/measure_lives.py")


def test_a_block_that_nobody_pushes_stays_as_far_from_its_goals_as_they_are_drawn(script: ModuleType) -> None:
    row = script.stood_still("pusher_life", 1, 400)
    assert (row["arm"], row["seed"], row["steps"], row["crashes"]) == ("still", 1, 400, 0)
    assert AHEAD[0] < row["goal_distance"] < AHEAD[1] + ASIDE
    assert 0 < row["reward"] < 0.25
    assert row["visits"] >= 2  # the body changed, as in a robot's life


def test_a_pole_that_nobody_keeps_up_falls(script: ModuleType) -> None:
    assert script.stood_still("cartpole_life", 1, 200)["crashes"] >= 2
