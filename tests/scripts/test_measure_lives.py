"""What stands still in a life: its goals go on, and what can fall does."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from crl_envs.lives.pusher_life import AHEAD, ASIDE

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "measure_lives.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_a_block_that_nobody_pushes_stays_as_far_from_its_goals_as_they_are_drawn(script: dict[str, Any]) -> None:
    row = script["stood_still"]("pusher_life", 1, 400)
    assert (row["arm"], row["seed"], row["steps"], row["crashes"]) == ("still", 1, 400, 0)
    assert AHEAD[0] < row["goal_distance"] < AHEAD[1] + ASIDE
    assert 0 < row["reward"] < 0.25
    assert row["visits"] >= 2  # the body changed, as in a robot's life


def test_a_pole_that_nobody_keeps_up_falls(script: dict[str, Any]) -> None:
    assert script["stood_still"]("cartpole_life", 1, 200)["crashes"] >= 2
